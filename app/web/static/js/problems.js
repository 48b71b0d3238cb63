// What is wrong, at the field that is wrong.

import { words } from "./notices.js";

/**
 * Show a Problem in a form. Each wrong field's sentence goes to the element whose `data-problem` is its pointer without
 * the first slash, or to that of the closest field around it; the rest goes to the one whose `data-problem` is empty.
 */
export function showProblem(form, problem) {
  clearProblems(form);
  const wrong = problem.errors?.length ? problem.errors : [problem];
  for (const each of wrong) {
    const place = placeOf(form, (each.pointer ?? "").replace(/^\//, ""));
    place.append(place.textContent ? " " : "", ...words(each));
    place.closest(".field")?.querySelector("input, select, textarea")?.setAttribute("aria-invalid", "true");
  }
}

function placeOf(form, pointer) {
  for (let path = pointer; path; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
    const place = form.querySelector(`[data-problem="${CSS.escape(path)}"]`);
    if (place) return place;
  }
  return form.querySelector('[data-problem=""]');
}

/** Forget what was wrong. */
export function clearProblems(form) {
  for (const place of form.querySelectorAll("[data-problem]")) place.textContent = "";
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}
