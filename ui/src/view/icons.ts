// The icons used, each as the text of its SVG (Lucide, ISC licence).

import alert from 'lucide-static/icons/triangle-alert.svg?raw';
import back from 'lucide-static/icons/chevron-left.svg?raw';
import check from 'lucide-static/icons/badge-check.svg?raw';
import close from 'lucide-static/icons/x.svg?raw';
import forward from 'lucide-static/icons/chevron-right.svg?raw';
import home from 'lucide-static/icons/hexagon.svg?raw';
import list from 'lucide-static/icons/list.svg?raw';
import locate from 'lucide-static/icons/locate-fixed.svg?raw';
import minus from 'lucide-static/icons/minus.svg?raw';
import pause from 'lucide-static/icons/pause.svg?raw';
import play from 'lucide-static/icons/play.svg?raw';
import plus from 'lucide-static/icons/plus.svg?raw';
import settings from 'lucide-static/icons/settings.svg?raw';

export const ICONS = { alert, back, check, close, forward, home, list, locate, minus, pause, play, plus, settings };
export type IconName = keyof typeof ICONS;
