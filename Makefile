# SPDX-License-Identifier: MIT
# (skeleton; the image's rules are being written)
.DEFAULT_GOAL := help
help: ## this list
	@grep -hE '^[a-z/%-]+:.*##' Makefile | sed 's/:.*##/\t/'
include tests/unit/unit.mk
