// Runs in <head>, before anything is painted: the stored theme wins over the system's.
// The key and its values ("auto", "light", "dark") are those of Django's admin, so both agree.
"use strict";
(() => {
  const ORDER = ["auto", "light", "dark"];
  const NAMES = { auto: "as the system", light: "light", dark: "dark" };
  const stored = () => {
    try {
      const theme = localStorage.getItem("theme");
      return ORDER.includes(theme) ? theme : "auto";
    } catch {
      return "auto"; // storage is blocked: follow the system
    }
  };
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.setAttribute("aria-label", `Theme: ${NAMES[theme]}. Change it`);
      button.title = `Theme: ${NAMES[theme]}`;
      button.hidden = false;
    }
  };
  const next = () => {
    const theme = ORDER[(ORDER.indexOf(document.documentElement.dataset.theme) + 1) % ORDER.length];
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Not remembered then; it still changes this page.
    }
    show(theme);
  };
  show(stored());
  document.addEventListener("DOMContentLoaded", () => {
    show(stored());
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.addEventListener("click", next);
    }
  });
})();
