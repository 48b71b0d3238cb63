// Messages in the reader's language: texts by their codes. app/web/translations.py does the same for templates.

let reading = null;
let codes = {}; // templates

async function read(source) {
  reading ??= fetch(source).then((answer) => answer.json());
  const texts = await reading.catch(() => ({ codes, kinds: {} }));
  codes = texts.codes;
  return texts;
}

/**
 * A problem document with `detail` in the reader's language; where there is only English, with `kind` in the reader's.
 * `source` is the address of the texts.
 */
export async function translated(problem, status, source) {
  const { kinds } = await read(source);
  const say = (each, kind) => (isKnown(each) ? { ...each, detail: sentence(each) } : { ...each, isEnglish: true, kind });
  return { ...say(problem, kinds[status]), errors: problem.errors?.map((each) => say(each)) };
}

/** The sentence of a message in the reader's language; null where there is only English. */
export async function sentenceOf(message, source) {
  await read(source);
  return isKnown(message) ? sentence(message) : null;
}

/** The meaning of a warning in the reader's language, without numbers. */
export async function meaningOf(code, source) {
  const { warnings } = await read(source);
  return warnings?.[code] ?? null;
}

const isMessage = (value) => value !== null && typeof value === "object"; // a parameter that is a message itself
const sentence = ({ code, params }) => filled(codes[code], params);

/** True if there are texts for a message and for those within it. */
function isKnown({ code, params }) {
  return code in codes && Object.values(params).flat().every((value) => !isMessage(value) || isKnown(value));
} // prettier-ignore

/** A template of app/messages with its fields filled in: {name}, {names:, }, {?name:clause} and {~name:clause}. */
function filled(template, params) {
  let text = "";
  for (let i = 0; i < template.length; i++) {
    if (template[i] !== "{") {
      text += template[i];
      continue;
    }
    const end = closing(template, i);
    text += field(template.slice(i + 1, end), params);
    i = end;
  }
  return text;
}

function closing(template, start) {
  let depth = 0;
  for (let i = start; ; i++) {
    if (template[i] === "{") depth++;
    else if (template[i] === "}" && --depth === 0) return i;
  }
}

function field(inside, params) {
  const [, sign, name, spec = ""] = inside.match(/^([?~]?)(\w+):?(.*)$/s);
  const value = params[name];
  const isThere = Array.isArray(value) ? value.length > 0 : Boolean(value);
  if (sign) return isThere === (sign === "?") ? filled(spec, params) : "";
  const shown = (item) => (isMessage(item) ? sentence(item) : String(item));
  return Array.isArray(value) ? value.map(shown).join(spec) : shown(value);
}
