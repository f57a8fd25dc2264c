// Fonts of the map's labels: bundled, so that labels need no glyph server. Scripts that are not among them fall back
// to the device's own fonts.

import arabic400 from '@fontsource/noto-sans-arabic/files/noto-sans-arabic-arabic-400-normal.woff2?url';
import arabic600 from '@fontsource/noto-sans-arabic/files/noto-sans-arabic-arabic-600-normal.woff2?url';
import latin400 from '@fontsource/noto-sans/files/noto-sans-latin-400-normal.woff2?url';
import latin600 from '@fontsource/noto-sans/files/noto-sans-latin-600-normal.woff2?url';
import latinExt400 from '@fontsource/noto-sans/files/noto-sans-latin-ext-400-normal.woff2?url';
import latinExt600 from '@fontsource/noto-sans/files/noto-sans-latin-ext-600-normal.woff2?url';
import type { StyleSpecification } from 'maplibre-gl';

const LATIN = ['U+0000-00FF', 'U+2000-206F'];
const LATIN_EXT = ['U+0100-02BA', 'U+1E00-1E9F'];
// The last two ranges are presentation forms: MapLibre's shaping rewrites Arabic letters into those blocks.
const ARABIC = ['U+0600-06FF', 'U+0750-077F', 'U+0870-08FF', 'U+FB50-FDFF', 'U+FE70-FEFF'];

export function fontFaces(origin: string): NonNullable<StyleSpecification['font-faces']> {
  const face = (latin: string, latinExt: string, arabic: string) => [
    { url: origin + latin, 'unicode-range': LATIN },
    { url: origin + latinExt, 'unicode-range': LATIN_EXT },
    { url: origin + arabic, 'unicode-range': ARABIC },
  ];
  const regular = face(latin400, latinExt400, arabic400);
  return {
    'Noto Sans Regular': regular,
    'Noto Sans Italic': regular, // one weight less to carry; water names are told by their colour
    'Noto Sans Medium': face(latin600, latinExt600, arabic600),
  };
}
