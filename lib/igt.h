/* SPDX-License-Identifier: MIT */
#ifndef IGT_H
#define IGT_H

/*
 * The umbrella header under its upstream name, so that a test source says the
 * same thing here and in an igt-gpu-tools checkout.
 */
#include "igt_core.h"

#endif /* IGT_H */
