/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The port that the scenarios' guests (assembler) and their VMM (C) share, besides those of
 * layout.h.
 */
#ifndef PORTS_H
#define PORTS_H

#define PORT_READY 0x90 /* the guest waits for "go" */

#endif
