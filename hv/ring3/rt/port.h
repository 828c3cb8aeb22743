/* SPDX-License-Identifier: MIT */
/*
 * Port access for the program that ring 0 lets at some ports (root: the two serial ports). Through
 * a structure, so that drivers run on the host against a device made of a few lines.
 */
#ifndef HV_RT_PORT_H
#define HV_RT_PORT_H

#include "hv/base/types.h"

struct port_ops {
	u8 (*in)(u16 port);
	void (*out)(u16 port, u8 value);
};

/* The real ones: hv/ring3/rt/start.asm. #GP, which ends the program, for ports it has no right to.
 */
u8 port_in(u16 port);
void port_out(u16 port, u8 value);

#endif
