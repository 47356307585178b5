// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

var update = flag.Bool("update", false, "write the list of the packages' files anew")

// release is what the packages of these tests say they are, and the version that Debian makes of it.
const (
	release = "v1.2.0-rc1-5-gabcdef0-dirty"
	debian  = "1.2.0~rc1+5.gabcdef0+dirty"
)

// build builds the packages in a directory; binary is one that is there already, or "".
func build(t *testing.T, dir, version, binary string) {
	t.Helper()
	netlab.Require(t, "dpkg-deb", "gzip", "md5sum")
	cmd := exec.Command("packaging/deb/build", dir)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "VERSION="+version, "SOURCE_DATE_EPOCH=1772366400", "REGENT_BINARY="+binary, "COMPRESSION=none")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func pkg(dir, name, version string) string {
	return filepath.Join(dir, name+"_"+version+"_"+map[string]string{"regent": arch(), "regent-keepalived": "all"}[name]+".deb")
}

// arch is Debian's name of this architecture.
func arch() string {
	out, err := exec.Command("dpkg", "--print-architecture").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// run runs a command and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// contents lists the files of a package with mode and owner. The pages of single commands are left out: there is one for each verb.
func contents(t *testing.T, deb string) string {
	t.Helper()
	var b strings.Builder
	for l := range strings.Lines(run(t, "dpkg-deb", "-c", deb)) {
		f := strings.Fields(l)
		if strings.HasSuffix(f[5], "/") && f[0] == "drwxr-xr-x" && f[1] == "root/root" {
			continue
		}
		name := strings.Join(f[5:], " ")
		if m := regexp.MustCompile(`^\./usr/share/(man/man8/regent-.*|doc/regent/[^/]*\.md)$`); m.MatchString(name) {
			if f[0] != "-rw-r--r--" || f[1] != "root/root" {
				t.Errorf("%s", l)
			}
			continue
		}
		b.WriteString(f[0] + " " + f[1] + " " + name + "\n")
	}
	return b.String()
}

// The packages, from their making to their purging. It is one test, because making them takes a while.
func TestDebianPackages(t *testing.T) {
	netlab.Require(t, "dpkg", "unshare", "chroot")
	first, second, next := t.TempDir(), t.TempDir(), t.TempDir()
	build(t, first, release, "")
	deb, alias := pkg(first, "regent", debian), pkg(first, "regent-keepalived", debian)
	root := t.TempDir()
	run(t, "dpkg-deb", "-x", deb, root)
	binary := filepath.Join(root, "usr/sbin/regent")

	t.Run("the same source gives the same bytes", func(t *testing.T) {
		build(t, second, release, binary)
		for _, name := range []string{"regent", "regent-keepalived"} {
			one, two := pkg(first, name, debian), pkg(second, name, debian)
			a, err := os.ReadFile(one)
			b, err2 := os.ReadFile(two)
			if err != nil || err2 != nil || !bytes.Equal(a, b) {
				t.Errorf("%s and %s differ (%v, %v)", one, two, err, err2)
			}
		}
	})
	t.Run("each file has its mode and owner", func(t *testing.T) {
		got := contents(t, deb) + "\n" + contents(t, alias)
		const golden = "testdata/contents.txt"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(string(read(t, golden)), got); diff != "" {
			t.Errorf("go test ./packaging -run Debian -update (-want +got):\n%s", diff)
		}
	})
	t.Run("the sums are right and verbs have pages", func(t *testing.T) {
		control := t.TempDir()
		run(t, "dpkg-deb", "-e", deb, control)
		cmd := exec.Command("md5sum", "--check", "--quiet", filepath.Join(control, "md5sums"))
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		for _, verb := range []string{"", "-run", "-check", "-status", "-keepalived", "-doctor"} {
			if _, err := os.Stat(filepath.Join(root, "usr/share/man/man8/regent"+verb+".8.gz")); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("lintian finds no error", func(t *testing.T) {
		if _, err := exec.LookPath("lintian"); err != nil {
			t.Log("lintian is not installed; apt-get install lintian")
			return
		}
		out, err := exec.Command("lintian", "--allow-root", "--fail-on", "error,warning",
			"--suppress-tags", "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball", deb, alias).CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	build(t, next, "v1.3.0", binary)
	t.Run("they install and upgrade and purge", func(t *testing.T) {
		debs := []string{deb, alias, pkg(next, "regent", "1.3.0"), pkg(next, "regent-keepalived", "1.3.0")}
		life(t, slices.Concat([]string{filepath.Join("testdata", "life.sh")}, debs)...)
	})
}
