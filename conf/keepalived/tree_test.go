// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// said parses a file and returns what there is to say, without its name; advice is left out.
func said(t *testing.T, in string) (*Config, []string) {
	t.Helper()
	c, ps := Parse("/k.conf", options(files("/k.conf", in)))
	var out []string
	for _, p := range ps {
		if p.Kind != Note {
			out = append(out, strings.TrimPrefix(p.String(), "/k.conf:"))
		}
	}
	return c, out
}

const good = "vrrp_instance LAST {\n interface eth9\n virtual_router_id 9\n virtual_ipaddress {\n 10.0.0.9/24\n }\n}\n"

// Whatever is wrong before it, the last instance keeps its address; and what is wrong has a place.
func TestStructure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   string
		want []string
	}{
		{"brace on the next line", "global_defs\n{\n router_id a\n}\n", nil},
		{"all on one line", "global_defs { router_id a }\n", nil},
		{"empty blocks", "global_defs {\n}\nstatic_routes { }\n", nil},
		{"several on one line", "vrrp_script a { script /a } vrrp_script b { script /b }\n", nil},
		{"an unknown keyword", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipadress { 10.0.0.1 }\n virtual_ipaddress { 10.0.0.1 }\n}\n",
			[]string{`4:2: warning: unknown keyword "virtual_ipadress" in vrrp_instance A: did you mean "virtual_ipaddress"?; its block is skipped`}},
		{"an unknown block with blocks", "foo bar {\n a { b {\n c } }\n }\n", []string{`1:1: warning: unknown keyword "foo" at the top of the file; its block is skipped`}},
		{"an unknown line", "global_defs {\n router-id a\n}\n", []string{`2:2: warning: unknown keyword "router-id" in global_defs: did you mean "router_id"?`}},
		{"a keyword that belongs elsewhere", "global_defs {\n auth_pass a\n}\n", []string{`2:2: warning: unknown keyword "auth_pass" in global_defs: it belongs in authentication`}},
		{"notify_deleted is no keyword of a group", "vrrp_sync_group G {\n notify_deleted /bin/x\n group { LAST LAST }\n}\n",
			[]string{"1:1: warning: vrrp_sync_group G has one member, which is probably not what was meant",
				`2:2: warning: unknown keyword "notify_deleted" in vrrp_sync_group G: it belongs in vrrp_instance`,
				"3:15: warning: vrrp_sync_group G: LAST is in G already; it is ignored here"}},
		{"a missing brace before an instance", "vrrp_script a {\n script /a\n", []string{
			"1:15: error: this block of vrrp_script is not closed: the } is probably missing before vrrp_instance in line 3"}},
		{"a missing brace in an instance", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1\n}\n", []string{
			"1:17: error: this block of vrrp_instance is not closed: the } is probably missing before vrrp_instance in line 7"}},
		{"a missing brace within a closed instance", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1\n priority 5\n}\n", []string{
			"1:17: error: this block of vrrp_instance is not closed: the } is probably missing before vrrp_instance in line 8",
			`6:2: warning: virtual_ipaddress: "priority" is no address: it is a keyword of vrrp_instance; is a } missing before it?; the line is dropped`}},
		{"a brace too many", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n}\n priority 5\n}\n", []string{
			"6:2: error: priority belongs in vrrp_instance: is there a } too many before it?",
			"7:1: warning: this } closes nothing: is there one too many above?"}},
		{"a brace after nothing", "{\n a { }\n}\n", []string{"1:1: error: a block needs a keyword before its {"}},
		{"a block where none belongs", "vrrp_instance A {\n interface eth0 {\n x\n }\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n}\n",
			[]string{"2:17: error: interface takes no block: what is between these braces is not read"}},
		{"a block in a list", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1 {\n x\n }\n }\n}\n",
			[]string{"5:11: error: no block belongs in virtual_ipaddress: is a } missing before it?"}},
		{"a missing argument", "vrrp_instance A {\n interface\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n}\n", []string{
			"1:1: error: vrrp_instance A: interface must be set; only unicast with unicast_src_ip goes without",
			"2:2: error: interface needs an argument: interface IF"}},
		{"a missing block", "vrrp_sync_group G\n", []string{"1:1: error: vrrp_sync_group needs a block: vrrp_sync_group NAME { … }"}},
		{"an instance without a name", "vrrp_instance {\n interface eth0\n}\n", []string{"1:1: error: vrrp_instance needs an argument: vrrp_instance NAME { … }"}},
		{"an instance with two names", "vrrp_instance A B {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n}\n",
			[]string{"1:17: error: vrrp_instance takes one name, not 2 words: keepalived drops the block; quote a name with blanks"}},
		{"a virtual server", "virtual_server 10.0.0.1 80 {\n delay_loop 6\n real_server 10.0.0.2 80 {\n weight 1\n TCP_CHECK { connect_timeout 3 }\n }\n}\n", nil},
		{"a virtual server that does not end", "virtual_server 10.0.0.1 80 {\n delay_loop 6\n real_server 10.0.0.2 80 {\n weight 1\n", []string{
			"1:28: error: this block of virtual_server is not closed: the } is probably missing before vrrp_instance in line 5",
			"3:26: error: this block of real_server is not closed: the } is probably missing before vrrp_instance in line 5"}},
		{"a brace in a message", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n notify \"/bin/x '{' \\\"}\\\"\"\n}\n", nil},
		{"an undefined name is no block", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n notify /bin/${X}\n virtual_ipaddress { 10.0.0.1 }\n}\n", []string{
			"4:14: error: ${X} is not defined: keepalived takes its braces for those of a block, and loses what follows"}},
		{"an undefined name in a quotation", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n notify \"/bin/x ${X}\"\n virtual_ipaddress { 10.0.0.1 }\n}\n", nil},
		{"a brace too many between blocks", "global_defs {\n}\n}\n", []string{"3:1: warning: this } closes nothing: is there one too many above?"}},
		{"an instance that ends too early", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n no_virtual_ipaddress\n}\n virtual_ipaddress { 10.0.0.1 }\n}\n", []string{
			"6:2: error: virtual_ipaddress belongs in vrrp_instance: is there a } too many before it?",
			"7:1: warning: this } closes nothing: is there one too many above?"}},
		{"a quotation that does not end", "global_defs {\n router_id \"lb\n}\n", []string{
			"2:12: warning: a quotation begins here and does not end in this line: what it holds is not read"}},
		{"an address with one", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1 label \"x\n 10.0.0.2\n }\n}\n", []string{
			"5:17: error: a line of virtual_ipaddress ends in a quotation that does not end: keepalived loses the line",
			"5:17: warning: a quotation begins here and does not end in this line: what it holds is not read"}},
		{"a template", "$T=\\\nvrrp_instance V$N {\\\n interfaec eth0 \\\n virtual_router_id ${N}\\\n virtual_ipaddress { 10.0.0.${N} }\\\n}\n$N=1\n$T\n", []string{
			"2:1: error: vrrp_instance V1: interface must be set; only unicast with unicast_src_ip goes without (in $T, used at /k.conf:8:1)",
			`3:2: warning: unknown keyword "interfaec" in vrrp_instance V1: did you mean "interface"? (in $T, used at /k.conf:8:1)`}},
		{"values stand where they are used", "$P=0\nvrrp_instance A {\n interface eth0\n virtual_router_id 1\n @lb1  priority $P\n virtual_ipaddress { 10.0.0.1 }\n}\n",
			[]string{"5:17: warning: priority: 0 is out of the range 1 to 255; the line is ignored"}},
		{"columns count characters", "vrrp_instance \"Büro\" { priority 0\n interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n}\n",
			[]string{"1:33: warning: priority: 0 is out of the range 1 to 255; the line is ignored"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, got := said(t, tt.in+good)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			n := len(c.Instances)
			if n == 0 || c.Instances[n-1].Name != "LAST" || len(c.Instances[n-1].Addresses) != 1 {
				t.Errorf("the last instance is not what it was: %d instances", n)
			}
		})
	}
}

func TestBlocksAreNotNestedWithoutEnd(t *testing.T) {
	t.Parallel()
	c, got := said(t, strings.Repeat("a {\n", 10000)+strings.Repeat("}\n", 10000)+good)
	if len(got) != 2 || !strings.Contains(got[1], "blocks more than 64 deep") || len(c.Instances) != 1 {
		t.Errorf("%d instances, said %q", len(c.Instances), got)
	}
}

func TestProblemsAreBoundedAndInOrder(t *testing.T) {
	t.Parallel()
	fs := files("/k.conf", "a1\ninclude b.conf\na3\n"+strings.Repeat("x\n", 2000), "/b.conf", "b1\nb2\n")
	_, ps := Parse("/k.conf", options(fs))
	if len(ps) != maxProblems+1 {
		t.Errorf("%d problems, want %d and one that says so", len(ps), maxProblems)
	}
	var order []string
	for _, p := range ps[:3] {
		order = append(order, p.Text[len("unknown keyword "):len("unknown keyword ")+4])
	}
	if diff := cmp.Diff([]string{`"a1"`, `"a3"`, `"x" `}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if last := ps[len(ps)-1]; last.File != "/b.conf" {
		t.Errorf("the last is of %s, want what was included after the file that includes it", last.File)
	}
}

func TestStatusOfTheConfigurationTest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kinds []Kind
		want  int
	}{
		{nil, 0}, {[]Kind{Note}, 0}, {[]Kind{Mistake}, 5}, {[]Kind{Unable}, 5}, {[]Kind{Structure}, 5}, {[]Kind{File}, 4},
		{[]Kind{Security, Note}, 6}, {[]Kind{Security, File}, 4}, {[]Kind{File, Mistake, Security}, 5}, {[]Kind{Mistake, Missing}, 2},
	} {
		var ps Problems
		for _, k := range tt.kinds {
			ps = append(ps, Problem{Kind: k})
		}
		if got := ps.TestStatus(); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.kinds, got, tt.want)
		}
	}
}

// What is not closed at the end of the file is closed there, as keepalived does: nothing of it is lost.
func TestTheEndOfTheFileClosesBlocks(t *testing.T) {
	t.Parallel()
	c, ps := Parse("/k.conf", options(files("/k.conf", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1\n")))
	want := "/k.conf:1:17: warning: this block of vrrp_instance is not closed at the end of the file\n" +
		"/k.conf:4:20: warning: this block of virtual_ipaddress is not closed at the end of the file\n"
	if diff := cmp.Diff(want, ps.Diagnostics().String()); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	if ps.TestStatus() != 5 || len(c.Instances) != 1 || len(c.Instances[0].Addresses) != 1 {
		t.Errorf("status %d, %d instances", ps.TestStatus(), len(c.Instances))
	}
}
