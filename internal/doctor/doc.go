// SPDX-License-Identifier: Apache-2.0

// Package doctor finds what keeps a node from doing its work, or will: missing rights, settings of the kernel, interfaces, programs
// that may not be run, peers that are not heard. Each finding says what to do about it.
//
//	facts := doctor.Gather(ctx, question)
//	for _, f := range doctor.Judge(question, facts) { … }
//
// [Gather] only looks: it changes nothing, sends nothing, runs nothing. [Judge] is pure: what it finds depends on its arguments
// alone.
package doctor
