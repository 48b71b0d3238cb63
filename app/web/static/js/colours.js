// The colour of a run, from its id alone. app/web/colours.py says the same.

export const COLOURS = 8;

/** The number of a run's colour: that of the class run-N and of the property --run-N. */
export function colourOf(run) {
  return [...run].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % COLOURS;
}
