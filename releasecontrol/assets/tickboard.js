// The keyboard of the tick board: one keystroke to tick, one to reach the next open item.
"use strict";
(() => {
  const board = document.getElementById("tick-board");
  if (!board) return;
  const all = () => [...board.querySelectorAll("li.item")];
  const current = () => document.activeElement?.closest?.("li.item");
  const focus = (item) => {
    if (!item) return;
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  };

  const step = (by) => {
    const items = all();
    const at = items.indexOf(current());
    focus(items[at < 0 ? 0 : Math.min(Math.max(at + by, 0), items.length - 1)]);
  };
  const nextOpen = () => {
    const items = all();
    const at = items.indexOf(current());
    const order = [...items.slice(at + 1), ...items.slice(0, Math.max(at, 0))];
    focus(order.find((item) => item.hasAttribute("data-open")));
  };
  const press = (selector) => current()?.querySelector(selector)?.click();
  const ACTS = {
    n: nextOpen,
    j: () => step(1),
    k: () => step(-1),
    t: () => press("[data-tick]"),
    " ": () => press("[data-tick]"),
    m: () => press("[data-more]"),
  };

  // Single keys can be switched off: they get in the way of some speech input.
  const toggle = document.querySelector("[data-keys-toggle]");
  let on = true;
  try {
    on = localStorage.getItem("keys") !== "off";
  } catch {
    // Storage is blocked: on, and not remembered.
  }
  const show = () => {
    toggle.hidden = false;
    toggle.setAttribute("aria-pressed", String(on));
    toggle.textContent = on ? "Keys on" : "Keys off";
  };
  toggle.addEventListener("click", () => {
    on = !on;
    try {
      localStorage.setItem("keys", on ? "on" : "off");
    } catch {
      // As above.
    }
    show();
  });
  show();

  document.addEventListener("keydown", (event) => {
    if (!on || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, summary")) return;
    const isSpace = event.key === " ";
    if (isSpace && event.target !== current()) return; // a focused button presses itself
    const act = ACTS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // A swapped row takes the focus along, so that the next key goes on from there.
  let last = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    last = event.detail.elt.closest?.("li.item")?.contains(document.activeElement)
      ? event.detail.elt.closest("li.item").id
      : last;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (last && (document.activeElement === document.body || !document.activeElement)) {
      focus(document.getElementById(last));
    }
    last = null;
  });

  // Somebody else's change must not take away a form that is being filled in.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const panel = event.detail.target.querySelector?.(".item-panel");
    if (panel && panel.childElementCount) event.detail.shouldSwap = false;
  });
  board.addEventListener("click", (event) => {
    if (!event.target.closest("[data-close-panel]")) return;
    const item = event.target.closest("li.item");
    item.querySelector(".item-panel").replaceChildren();
    focus(item);
  });
  board.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.matches?.(".item-panel")) {
      event.target.querySelector("input:not([type=hidden]), textarea, button")?.focus();
    }
  });
})();
