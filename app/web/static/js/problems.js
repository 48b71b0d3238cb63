// What is wrong, at the field that is wrong.

/**
 * Show a Problem in a form. Each wrong field's sentence goes to the element whose `data-problem` is its pointer without
 * the first slash, or to that of the closest field around it; the rest goes to the one whose `data-problem` is empty.
 */
export function showProblem(form, problem) {
  clearProblems(form);
  const wrong = problem.errors.length ? problem.errors : [{ pointer: "", detail: problem.detail }];
  for (const { pointer, detail } of wrong) {
    const place = placeOf(form, pointer.replace(/^\//, ""));
    place.textContent = `${place.textContent} ${detail}`.trim();
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
