// SPDX-License-Identifier: Apache-2.0

package main

func (b *bench) answer() error    { return nil }
func (b *bench) scale() error     { return nil }
func (b *bench) jitter() error    { return nil }
func (b *bench) addresses() error { return nil }
func (b *bench) refusal() error   { return nil }
