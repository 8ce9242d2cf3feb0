# One-line calls of course.py; without make (Windows): python course.py COMMAND
PYTHON ?= $(shell command -v python3 || command -v python)
COURSE = @test -n "$(PYTHON)" || { echo "Python is missing: install Python 3.11, 3.12 or 3.13 and call make again."; exit 1; }; $(PYTHON) course.py

.PHONY: help lab test check notebooks bench compat links
help: ; $(COURSE)
lab: ; $(COURSE) lab $(ARGS)
test: ; $(COURSE) test $(ARGS)
check: ; $(COURSE) check
notebooks: ; $(COURSE) notebooks $(ARGS)
bench: ; $(COURSE) bench $(ARGS)
compat: ; $(COURSE) compat $(ARGS)
links: ; $(COURSE) links REPO=$(REPO) BRANCH=$(BRANCH)
