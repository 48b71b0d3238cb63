// Numbers, durations and times as people read them. app/web/formats.py does the same for templates.

import { t } from "./texts.js";

export const NOTHING = "–";
const THIN_SPACE = "\u202f";
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

/** A measured number with so many significant digits, such as 0.1230, 1 234 or 1.2e−07. */
export function metric(value, digits = 4) {
  if (value === null || value === undefined) return NOTHING;
  const number = Number(value);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const magnitude = number ? Math.floor(Math.log10(Math.abs(number))) : 0;
  let text;
  if (magnitude > -5 && magnitude < 9) {
    const [whole, fraction] = number.toFixed(Math.max(0, digits - 1 - magnitude)).split(".");
    text = whole.replace(/\B(?=(\d{3})+$)/g, THIN_SPACE) + (fraction ? `.${fraction}` : "");
  } else {
    text = number.toExponential(digits - 1).replace(/e([+-])(\d)$/, "e$10$2");
  }
  return text.replaceAll("-", "−");
}

/** A number that was chosen, such as 0.001: without zeros at the end. */
export function number(value) {
  const [mantissa, power] = metric(value).split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return power === undefined ? short : `${short}e${power}`;
}

/** A fraction in percent, such as 97.3 %. */
export function percent(fraction) {
  return fraction === null || fraction === undefined ? NOTHING : `${(100 * fraction).toFixed(1)}${THIN_SPACE}%`;
}

/** A duration in its two largest units, such as 3 min 20 s. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds < 10) return t("format.seconds", { s: seconds.toFixed(1) });
  const whole = Math.round(seconds);
  if (whole < MINUTE) return t("format.seconds", { s: whole });
  if (whole < HOUR) return t("format.minutes", { m: Math.floor(whole / MINUTE), s: whole % MINUTE });
  if (whole < DAY) return t("format.hours", { h: Math.floor(whole / HOUR), m: Math.floor((whole % HOUR) / MINUTE) });
  return t("format.days", { d: Math.floor(whole / DAY), h: Math.floor((whole % DAY) / HOUR) });
}

/** A number of bytes, such as 14.7 MB. */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return NOTHING;
  const power = Math.min(4, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const value = bytes / 1000 ** power;
  return t(`format.${["b", "kb", "mb", "gb", "tb"][power]}`, { n: value.toFixed(power && value < 100 ? 1 : 0) });
}
