// What every page of the report does.

// Light, dark or as the system has it: a button [data-theme-button] goes round the three.
(() => {
  "use strict";
  const KEY = "aebench-theme";
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const SIGNS = { auto: "◐", light: "○", dark: "●" };
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  // A page opened from disk may have no storage: the choice then lasts as long as the page.
  const remembered = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const remember = (theme) => {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Nothing is kept.
    }
  };

  let theme = NEXT[remembered()] ? remembered() : "auto";

  function show() {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-button]")) {
      button.hidden = false;
      button.textContent = `${SIGNS[theme]} ${theme}`;
      button.setAttribute("aria-label", `${theme} colours, change to ${NEXT[theme]}`);
    }
    document.dispatchEvent(new Event("themechange"));
  }

  show(); // before anything is drawn
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-button]")) return;
    theme = NEXT[theme];
    remember(theme);
    show();
  });
})();

// A figure that scrolls sideways, as on a phone, is a stop of the Tab key; others would be in the way.
(() => {
  "use strict";
  const reach = () => {
    for (const sheet of document.querySelectorAll(".sheet")) {
      if (sheet.scrollWidth > sheet.clientWidth) sheet.tabIndex = 0;
      else sheet.removeAttribute("tabindex");
    }
  };
  addEventListener("load", reach);
  addEventListener("resize", reach);
})();
