// Messages of answers in the reader's language. Their texts are read when the first one is shown.

import { element } from "./dom.js";

const { messages } = document.documentElement.dataset; // the address of the texts; none in English

/** What shows a message: its text, or the English sentence, marked as English. */
export async function said(message, english) {
  if (!messages) return english;
  const { sentenceOf } = await import("./translations.js");
  return (await sentenceOf(message, messages)) ?? inEnglish(english);
}

/** The meaning of a warning; null in English, whose sentence says it. */
export async function meaning(code) {
  if (!messages) return null;
  const { meaningOf } = await import("./translations.js");
  return meaningOf(code, messages);
}

/** A sentence that there is only in English. */
export function inEnglish(sentence) {
  return messages ? element("span", { lang: "en" }, sentence) : sentence;
}
