// SPDX-License-Identifier: Apache-2.0

package convert

// elsewhere names what has no place in a regent.toml, beside what the parser has named for its keyword.
func (v *converter) elsewhere() {
	for _, f := range v.cfg.TrackFiles {
		if f.Init.V && (f.InitValue != 0 || f.Overwrite) {
			v.note(f.Init.At, "track_file %s: init_file is done by `regent keepalived`; a regent.toml has no key for it: let systemd-tmpfiles make %s", f.Name, f.File.V)
		}
	}
}
