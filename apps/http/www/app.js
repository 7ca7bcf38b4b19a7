// SPDX-License-Identifier: MIT
// Keeps the page's facts current, once a second. Without it the page reloads itself.
"use strict";
const POINTS = 60;
const rates = [];
const live = document.getElementById("live");
let before = null;

const group = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");

function draw() {
  const top = Math.max(...rates, 4) * 1.15;
  const step = 600 / Math.max(rates.length - 1, 1); // all of the width, however few there are yet
  const points = rates.map((rate, i) => `${(i * step).toFixed(1)} ${(90 - (rate / top) * 88).toFixed(1)}`);
  const line = "M" + points.join("L");
  document.querySelector("#graph .line").setAttribute("d", line);
  document.querySelector("#graph .area").setAttribute("d", `${line}L600 90L0 90Z`);
}

function show(now) {
  for (const [id, text] of Object.entries(now.text)) {
    const element = document.getElementById(id);
    if (element) element.textContent = text;
  }
  document.getElementById("memory").style.setProperty("--share", now.text.memory_percent + "%");
  // a machine that started again counts from zero
  const seconds = before ? (now.uptime_ms - before.uptime_ms) / 1000 : 0;
  const most = Math.max(...now.cores, 1);
  document.querySelectorAll("#cores li").forEach((row, i) => {
    row.style.setProperty("--share", (100 * now.cores[i]) / most + "%");
    row.querySelector(".count").textContent = group(now.cores[i]);
    if (seconds > 0) {
      const rate = Math.round((now.cores[i] - before.cores[i]) / seconds);
      row.querySelector(".rate").textContent = group(rate) + " /s";
    }
  });
  if (seconds > 0) {
    const sum = (cores) => cores.reduce((a, b) => a + b, 0);
    const rate = (sum(now.cores) - sum(before.cores)) / seconds;
    rates.push(rate);
    if (rates.length > POINTS) rates.shift();
    document.getElementById("rate").textContent = group(Math.round(rate)) + " a second";
    draw();
  }
  before = now;
}

async function refresh() {
  let alive = false;
  try {
    const answer = await fetch("/status.json", { signal: AbortSignal.timeout(4000) });
    if (answer.ok) {
      show(await answer.json());
      alive = true;
    }
  } catch (error) {
    before = null;
  }
  live.classList.toggle("lost", !alive);
  live.querySelector("span").textContent = alive ? "live" : "no answer";
  setTimeout(refresh, document.hidden ? 5000 : 1000);
}
refresh();
