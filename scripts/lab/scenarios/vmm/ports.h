/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The port that scenarios' guests (assembler) and their VMM (C) agree on, beside those of layout.h.
 */
#ifndef PORTS_H
#define PORTS_H

#define PORT_READY 0x90 /* the guest waits until the lab says go */

#endif
