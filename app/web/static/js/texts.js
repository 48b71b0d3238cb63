// Texts in the reader's language, from the catalogues in app/web/locales.

const entries = JSON.parse(document.getElementById("texts").textContent);

export const language = document.documentElement.lang;

const plural = new Intl.PluralRules(language);

/** The text of a key below [scripts], with its values; `n` chooses the form of one that counts. */
export function t(key, values = {}) {
  const entry = entries[key];
  if (entry === undefined) throw new Error(`no text for ${key}`);
  const text = typeof entry === "string" ? entry : entry[plural.select(values.n)];
  return text.replace(/{(\w+)}/g, (_, name) => values[name]);
}
