/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Printing a document: one function a format. */
#ifndef KVMMMU_RENDER_H
#define KVMMMU_RENDER_H

#include "document.h"

#include <stdio.h>

#define KM_TEXT_WIDTH 80

/*
 * For people: paragraphs within KM_TEXT_WIDTH columns, tables as wide as they need. @color: what
 * deserves a look stands out, by a terminal's escape sequences.
 */
void km_render_text(const struct km_document *doc, FILE *out, bool color);

/* For machines: one JSON object and a newline. The schema is described in README.md. */
void km_render_json(const struct km_document *doc, FILE *out);

#endif
