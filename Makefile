.PHONY: check test demo
check: ; bash .ci/run
test:  ; uv run --group extras pytest
demo:  ; uv run privacy-audit demo
