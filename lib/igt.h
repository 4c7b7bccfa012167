/* SPDX-License-Identifier: MIT */
#ifndef IGT_H
#define IGT_H

/*
 * The umbrella header under its upstream name, so that a test source says the
 * same thing here and in an igt-gpu-tools checkout. There it brings a copy of
 * linux/const.h, which refuses to come second.
 */
#ifdef _AC
#error "igt.h belongs before linux/kvm.h, linux/videodev2.h and the like"
#endif

#include "igt_core.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif /* IGT_H */
