// What every page does: theme and language, keys, and copying.

import { address } from "./api.js";
import "./calls.js";
import { bind } from "./keys.js";
import { notice } from "./notices.js";
import { t } from "./texts.js";

const root = document.documentElement;
const YEAR = 31536000;

function remember(name, value) {
  document.cookie = `antigrad_${name}=${value}; path=${address("/")}; max-age=${YEAR}; samesite=lax`;
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

document.getElementById("theme")?.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  remember("theme", root.dataset.theme);
  repaint();
});

/** Let the charts draw in the colours of the theme; `isAtOnce` is for what cannot wait. */
function repaint(isAtOnce = false) {
  document.dispatchEvent(new CustomEvent("antigrad:theme", { detail: { isAtOnce } }));
}

// Paper is light, and the charts have drawn their colours already.
addEventListener("beforeprint", () => {
  if (!isDark()) return;
  const { theme } = root.dataset;
  root.dataset.theme = "light";
  repaint(true);
  const goBack = () => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    repaint();
  };
  addEventListener("afterprint", goBack, { once: true });
});

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    remember("language", button.dataset.language);
    location.reload();
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
  notice(t("copied"));
});

// A menu closes when the reader goes on elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});

// On a phone the navigation is wider than the window.
const current = document.querySelector(".top nav [aria-current]");
if (current) {
  const nav = current.parentElement;
  nav.scrollLeft = current.offsetLeft - nav.offsetLeft - (nav.clientWidth - current.offsetWidth) / 2;
}

const menu = () => document.querySelector("details.menu > summary");

bind("n", t("keys.new_run"), () => location.assign(address("/ui/runs/new")), () => "mayTrain" in root.dataset);
bind(".", t("keys.menu"), () => (menu().focus(), menu().click()), menu);
