# SPDX-License-Identifier: Apache-2.0
# Checks 8 and 9 of tests/ollama/acceptance, which reads this file: Ollama's own program, on its own port and with its own
# models. It is $OLLAMA, or `ollama` on the PATH; without one the checks are skipped.
ollama=${OLLAMA:-$(command -v ollama)}

# request MODEL FILE: 16 tokens, greedily.
request() {
  curl -s --max-time 120 "http://$OLLAMA_HOST/api/generate" -o "$work/$2" -d \
    "{\"model\":\"$1\",\"prompt\":\"hello\",\"stream\":false,\"options\":{\"temperature\":0,\"seed\":1,\"num_predict\":16}}"
}
text_in() { sed -n 's/.*"response":"\(\([^"\\]\|\\.\)*\)".*/\1/p' "$work/$1"; }

serve_start() {
  export OLLAMA_HOST=127.0.0.1:11499 OLLAMA_MODELS=$work/models OLLAMA_DEBUG=2 OLLAMA_CONTEXT_LENGTH=512
  : >"$work/serve.log"
  "$ollama" serve >>"$work/serve.log" 2>&1 &
  serving=$!
  local i
  for ((i = 0; i < 60; ++i)); do grep -q 'inference compute' "$work/serve.log" && break; sleep 1; done
  judge "8 ollama serve" "$(grep -m 1 'inference compute' "$work/serve.log")" \
    bash -c "grep -qi 'library=cuda' $work/serve.log && ! grep -qE 'library=cpu|failure during|filtering device|skipping CUDA device' $work/serve.log"
}

serve_generates() {
  local before said holder
  before=$(launches)
  request one first-answer
  said=$("$ollama" ps | tail -n 1)
  judge "9 /api/generate" "$(text_in first-answer)" grep -q '"done":true' "$work/first-answer"
  judge "9 all layers offloaded" "$(grep -m 1 -o 'offloaded [0-9/]* layers to GPU' "$work/serve.log")" \
    grep -qE 'offloaded ([0-9]+)/\1 layers' "$work/serve.log"
  judge "9 ollama ps" "$said" grep -q '100% GPU' <<<"$said"
  [[ -z $before ]] || judge "9 the host counts launches of Ollama's" "$(($(launches) - before)) more" test "$(launches)" -gt "$before"
  [[ ! -e /dev/vgpu0 ]] && return
  holder=$(find /proc/[0-9]*/fd -lname /dev/vgpu0 2>/dev/null | head -n 1)
  judge "9 the device node is held" "$holder" test -n "$holder"
}

# Its runner is a process of its own, and the server starts another one.
serve_survives_kills() {
  local i pid unanswered=0
  for ((i = 0; i < 20 && i < kills; ++i)); do
    request one killed-answer & pid=$!
    sleep "0.$((i % 10))"
    pkill -9 -P "$serving"
    wait $pid
    grep -q '"done":true' "$work/killed-answer" || unanswered=$((unanswered + 1))
  done
  request one later-answer
  judge "9 after $i kills of the runner" "$unanswered requests failed, then: $(text_in later-answer)" test "$(text_in later-answer)" = "$(text_in first-answer)" -a -n "$(text_in later-answer)"
}

serve_stops() {
  request one a & local one=$!
  request two b & local two=$!
  wait $one $two
  judge "11 Ollama, two models, two requests at once" "$(text_in a) | $(text_in b)" \
    test "$(text_in a)" = "$(text_in first-answer)" -a -n "$(text_in b)"
  "$ollama" stop one
  "$ollama" stop two
  sleep 5
  list >"$work/after" 2>/dev/null
  judge "11 ollama stop gives the memory back" "$(free_listed untouched) bytes before, $(free_listed after) after" \
    near "$(free_listed after)" "$(free_listed untouched)"
}

ollama_serves() {
  local serving name
  list >"$work/untouched" 2>/dev/null
  if [[ -z $ollama ]] || ! command -v curl >/dev/null; then
    for name in "8 ollama serve" "9 /api/generate" "11 Ollama, two models"; do skip "$name" "no ollama (\$OLLAMA, PATH) or no curl here"; done
    return
  fi
  serve_start
  echo "FROM $(readlink -f "$model")" >"$work/Modelfile"
  "$ollama" create one -f "$work/Modelfile" >/dev/null 2>&1
  echo "FROM $(readlink -f "${second:-$model}")" >"$work/Modelfile"
  "$ollama" create two -f "$work/Modelfile" >/dev/null 2>&1
  serve_generates
  serve_survives_kills
  serve_stops
  kill "$serving"
  wait "$serving" 2>/dev/null
}
