"use strict";
document.getElementById("save").addEventListener("click", () => {
  const by = document.getElementById("by");
  if (!by.reportValidity()) return;
  const at = new Date().toISOString().slice(0, 19) + "+00:00";
  const lines = [];
  for (const card of document.querySelectorAll("fieldset[data-finding]")) {
    const chosen = card.querySelector("input:checked");
    if (chosen) {
      lines.push(JSON.stringify({
        finding: card.dataset.finding, content: card.dataset.content, code: card.dataset.code,
        detector: card.dataset.detector, verdict: chosen.value, action: card.querySelector("select").value,
        by: by.value.trim(), at: at,
      }) + "\n");
    }
  }
  document.getElementById("count").textContent = String(lines.length);
  if (!lines.length) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
  link.download = "verdicts.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
});
