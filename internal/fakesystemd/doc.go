// SPDX-License-Identifier: Apache-2.0

// Package fakesystemd is a systemd for tests: the part of org.freedesktop.systemd1 that starts, stops and shows units, on a
// D-Bus of its own (dbus-daemon).
package fakesystemd
