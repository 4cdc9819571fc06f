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

  // An act that did not reach the server must never look as if it had.
  const say = (text) => {
    let notice = document.getElementById("notice");
    if (!notice) {
      notice = document.createElement("div");
      notice.id = "notice";
      notice.className = "notice message tone-bad";
      notice.setAttribute("role", "alert");
      document.body.append(notice);
    }
    const again = document.createElement("button");
    again.type = "button";
    again.className = "small";
    again.textContent = "Reload the page";
    again.addEventListener("click", () => window.location.reload());
    notice.replaceChildren(`${text} `, again);
  };
  const isWholePage = (xhr) => /^\s*<!doctype/i.test(xhr.responseText);
  document.addEventListener("htmx:sendError", (event) => {
    if (!isPoll(event)) say("Not done: the server could not be reached.");
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (isPoll(event)) return;
    const signedOut = event.detail.xhr.status === 401;
    say(signedOut ? "Not done: you are signed out." : "Not done: this page is out of date or the server failed.");
  });

  // A refusal (403, 409, 422) comes with its sentence: show it instead of dropping the answer.
  // What did not change is left alone, and so is what a person is using: focus, open folds.
  const seen = new Map();
  const withoutToken = (html) => html.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");
  const inUse = (place) => place.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  document.addEventListener("htmx:beforeSwap", (event) => {
    const place = event.detail.target;
    if (!isPoll(event) || ![200, 286].includes(event.detail.xhr.status)) return; // 286: the last one
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
    if ([403, 409, 422].includes(event.detail.xhr.status) && !isWholePage(event.detail.xhr)) {
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
