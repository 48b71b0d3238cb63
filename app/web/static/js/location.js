// What a page shows, kept in its address.

/** Keep choices in the address; null takes one out of it. */
export function keep(choices, write = history.replaceState) {
  const here = new URL(location.href);
  for (const [name, value] of Object.entries(choices))
    if (value === null) here.searchParams.delete(name);
    else here.searchParams.set(name, value);
  if (here.href !== location.href) write.call(history, null, "", here);
}

/** The choice of this name that the address has, or null. */
export function kept(name) {
  return new URLSearchParams(location.search).get(name);
}
