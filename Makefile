.PHONY: check test demo
check: ; bash .ci/run
test:  ; uv run pytest
demo:  ; uv run privacy-audit demo
