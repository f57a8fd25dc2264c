// Numbers and names as the page writes them, in the language of the page.

export const NOTHING = '–';

export function number(value: number | null | undefined, locale: string, digits = 0): string {
  if (value === null || value === undefined) return NOTHING;
  return new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** A rate as a signed percentage: 0.5 is "+50 %". */
export function growth(rate: number | null | undefined, locale: string): string {
  if (rate === null || rate === undefined) return NOTHING;
  return new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0, signDisplay: 'exceptZero' }).format(rate);
}

/** A part of one as a percentage, finer where it is small: 0.934 is "93%", 0.042 is "4.2%". */
export function share(part: number | null | undefined, locale: string): string {
  return percent(part, locale, part && part < 0.1 ? 1 : 0);
}

/** Types of events are names out of machines: "camera_offline" reads better as "camera offline". */
export function eventName(type: string): string {
  return type.replace(/[_-]+/g, ' ');
}

/** An attribution as plain text: archives carry HTML with links, which lead out of the box. */
export function plainText(html: string): string {
  return html.replace(/<[^>]*>/g, '').replace(/&copy;/g, '©').replace(/&amp;/g, '&').trim();
}

/** A share as a percentage: 0.05 is "5%". */
export function percent(share: number | null | undefined, locale: string, digits = 0): string {
  if (share === null || share === undefined) return NOTHING;
  return new Intl.NumberFormat(locale, { style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share);
}
