// Messages of answers in the reader's language. Their texts are read when the first one is shown.

import { element } from "./dom.js";

const { problems } = document.documentElement.dataset; // the address of the texts; none in English

/** What shows a message: its text, or the English sentence, marked as English. */
export async function said(message, english) {
  if (!problems) return english;
  const { sentenceOf } = await import("./problem_texts.js");
  return (await sentenceOf(message, problems)) ?? inEnglish(english);
}

/** The meaning of a warning; null in English, whose sentence says it. */
export async function meaning(code) {
  if (!problems) return null;
  const { meaningOf } = await import("./problem_texts.js");
  return meaningOf(code, problems);
}

/** A sentence that there is only in English. */
export function inEnglish(sentence) {
  return problems ? element("span", { lang: "en" }, sentence) : sentence;
}
