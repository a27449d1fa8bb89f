package schemas

import "testing"

var facts = []byte(`{"uqhost":"x2gvdt0001","fqhost":"x2gvdt0001.webhuis.nl","domain":"webhuis.nl","role":"x2gvdt","os":"linux","ostype":"linux_x86_64","flavor":"debian_12","cpus":"4","arch":"x86_64","release":"6.1.0-18-amd64"}`)

// BenchmarkCold is what a module's start pays: registry, Find, compile, validate.
func BenchmarkCold(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := find(b, "host", "").Validate(facts); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFind: a new registry each time, nothing compiled.
func BenchmarkFind(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		find(b, "host", "")
	}
}

func BenchmarkNewRegistry(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewRegistry(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWarm is what a listener pays for each message.
func BenchmarkWarm(b *testing.B) {
	r, err := NewRegistry()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := r.Find("host", "1.0")
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Validate(facts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefusal(b *testing.B) {
	s := find(b, "host", "")
	b.ReportAllocs()
	for b.Loop() {
		if s.Validate([]byte(`{"cpus":true,"rolle":1,"uqhost":5}`)) == nil {
			b.Fatal("passed")
		}
	}
}
