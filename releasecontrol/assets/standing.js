// Who has a flag's newest revision, asked for every two seconds while somebody looks. What could not be
// asked for says so, with the time of what is shown: an old number that looks live is worse than none.
"use strict";
(() => {
  const EVERY = 2000;
  const LATE = 8000; // a server that takes longer than this does not answer
  const clock = (date) => date.toLocaleTimeString(undefined, { hour12: false });

  for (const section of document.querySelectorAll("[data-standing]")) {
    const part = section.querySelector("[data-standing-part]");
    const note = section.querySelector("[data-standing-note]");
    const again = section.querySelector("a");
    let shownAt = new Date();
    let shown = null;
    let asking = false;

    const say = (text, live) => {
      if (note.textContent !== text) note.textContent = text;
      note.classList.toggle("live-stale", !live);
      again.hidden = live;
    };

    const ask = async () => {
      if (asking || document.hidden) return;
      asking = true;
      try {
        const answer = await fetch(section.dataset.standing, { redirect: "manual", signal: AbortSignal.timeout(LATE) });
        if (!answer.ok) throw new Error(String(answer.status)); // signed out is an answer, too
        const html = await answer.text();
        shownAt = new Date();
        if (html !== shown) part.innerHTML = shown = html; // the same is not announced again
        say("Live", true);
      } catch {
        say(`Not live: the server does not answer. Shown as of ${clock(shownAt)}.`, false);
      }
      asking = false;
    };

    document.addEventListener("visibilitychange", ask);
    setInterval(ask, EVERY);
    ask();
  }
})();
