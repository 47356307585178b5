// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// transcript is what becomes of the packages, with dpkg and Debian's own tools as the judges. systemctl is only written down.
const transcript = `== installed without systemd
regent v1.2.0-rc1-5-gabcdef0-dirty
0 errors, 0 warnings
regent:/var/lib/regent:/usr/sbin/nologin
/lib/systemd/system/regent.service
755 root:root /etc/regent
600 root:root /etc/regent/regent.toml.example
755 root:root /usr/sbin/regent
1
complete -o default -F __start_regent regent
== purged
== installed with systemd
systemctl daemon-reload
systemctl start regent.service
== upgraded while it does not run
systemctl daemon-reload
== installed again while it runs
systemctl daemon-reload
systemctl restart regent.service
== in place of keepalived
systemctl daemon-reload
systemctl start keepalived.service
systemctl stop keepalived.service
Keepalived
/lib/systemd/system/keepalived.service
config-files
systemctl daemon-reload
systemctl stop keepalived.service
== removed, then purged, with what the daemon and the operator wrote
systemctl daemon-reload
systemctl stop regent.service
regent.toml
regent.toml.example
systemctl daemon-reload
regent.toml
`

// life runs the life of the packages: life.sh and the four packages.
func life(t *testing.T, script ...string) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	got := run(t, "unshare", append([]string{"--mount", "--propagation", "private", "sh"}, script...)...)
	if diff := cmp.Diff(transcript, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
