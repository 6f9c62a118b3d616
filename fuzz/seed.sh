#!/bin/sh
# Fills fuzz/corpus with seeds: what is committed in fuzz/seeds and fuzz/regressions, the smallest official
# ONNX models of the cache (made by `cargo xtask setup`), and the golden texts of the test suites.
set -eu
cd "$(dirname "$0")"
cache="${GLASSBOX_CACHE:-$HOME/.cache/glassbox}/conformance"
for target in onnx_load onnx_graph onnx_data text_parse text_example json_parse weights_safetensors weights_gguf \
    weights_torch weights_pickle weights_oinf weights_tables program_parse; do
    mkdir -p "corpus/$target"
    for folder in "seeds/$target" "regressions/$target"; do
        if [ -d "$folder" ]; then cp "$folder"/* "corpus/$target/"; fi
    done
done
if [ -d "$cache" ]; then
    # Evenly spaced among the models of at most 4 kB, sorted by name, so that all ops have a chance.
    find "$cache" -name model.onnx -size -4k | sort | awk 'NR % 6 == 0' | while read -r model; do
        cp "$model" "corpus/onnx_load/$(basename "$(dirname "$model")").onnx"
    done
    find "$cache" -name '*.pb' -size -2k | sort | awk 'NR % 60 == 0' | while read -r data; do
        cp "$data" "corpus/onnx_data/$(echo "${data#"$cache"/}" | tr / _)"
    done
else
    echo "no official models in $cache: run 'cargo xtask setup' first for a better corpus" >&2
fi
find ../crates -path '*/golden/*.txt' -size -64k | while read -r file; do cp "$file" "corpus/text_parse/$(basename "$file")"; done
find ../crates -path '*/golden/*.json' -size -64k | while read -r file; do cp "$file" "corpus/json_parse/$(basename "$file")"; done
# One seed for each op: its example.
grep -rhoE 'example: "[^"]*"' ../crates/glassbox-ir/src/ops | sed -E 's/^example: "(.*)"$/\1/' | sort -u | awk '{ print > sprintf("corpus/text_example/example_%03d", NR) }'
# Programs, sound and wrong.
find ../crates/glassbox-dsl/tests -name '*.gbp' -size -8k | while read -r file; do cp "$file" "corpus/program_parse/$(basename "$file")"; done
# Files of weights that other software wrote.
data=../crates/glassbox-weights/tests/data
cp "$data"/*.safetensors corpus/weights_safetensors/
cp "$data"/*.gguf corpus/weights_gguf/
cp "$data"/*.pth corpus/weights_torch/
cp "$data"/*.oinf corpus/weights_oinf/
for target in corpus/*; do echo "$target: $(ls "$target" | wc -l) seeds"; done
