// What every console page needs: times in the reader's zone, copy buttons, and honest live parts.
"use strict";
(() => {
  // <time> shows how long ago; hovering tells the exact moment in the reader's own zone.
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) time.title = exact.format(at);
    }
  };

  // A live part that could not be refreshed says so, until it could. A number that is silently
  // old is worse than none.
  const STALE_AFTER = 2; // failed refreshes in a row
  let failures = 0;
  let lastGood = new Date();
  const clock = (date) => date.toLocaleTimeString(undefined, { hour12: false });
  const note = () => {
    const stale = failures >= STALE_AFTER;
    document.documentElement.classList.toggle("is-stale", stale);
    for (const place of document.querySelectorAll("[data-live-note]")) {
      place.classList.toggle("live-stale", stale);
      place.textContent = stale
        ? `Not live: the server does not answer. Shown as of ${clock(lastGood)}.`
        : "Live";
    }
  };
  const isPoll = (event) => event.detail.elt.closest?.("[data-live]") && event.detail.requestConfig?.verb === "get";
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isPoll(event)) return;
    if (event.detail.successful) {
      failures = 0;
      lastGood = new Date();
    } else {
      failures += 1;
    }
    note();
  });

  // A refusal (403, 409, 422) comes with its sentence: show it instead of dropping the answer.
  // What did not change is left alone, and so is what a person is using: focus, open folds.
  const seen = new Map();
  const withoutToken = (html) => html.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");
  const inUse = (place) => place.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  document.addEventListener("htmx:beforeSwap", (event) => {
    const place = event.detail.target;
    if (!isPoll(event) || event.detail.xhr.status !== 200) return;
    const html = withoutToken(event.detail.xhr.responseText);
    if (seen.get(place.id) === html || inUse(place)) {
      event.detail.shouldSwap = false;
      return;
    }
    seen.set(place.id, html);
    const open = [...place.querySelectorAll("details[open][id]")].map((fold) => fold.id);
    place.addEventListener("htmx:afterSwap", () => {
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    }, { once: true });
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if ([403, 409, 422].includes(event.detail.xhr.status)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => localise(event.detail.target));

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    const text = source.value ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text.trim());
      button.textContent = "Copied";
    } catch {
      source.select?.(); // no clipboard here: leave the text selected, ready for the person
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    localise(document);
    note();
  });
})();
