package zmq

import "testing"

func TestCheckVersion(t *testing.T) {
	tests := []struct {
		major, minor, patch int
		ok                  bool
	}{
		{4, 3, 4, true}, {4, 3, 3, true}, {4, 4, 0, true}, {5, 0, 0, true},
		{4, 3, 2, false}, {4, 2, 9, false}, {3, 9, 9, false}, {0, 0, 0, false},
	}
	for _, v := range tests {
		if err := checkVersion(v.major, v.minor, v.patch); (err == nil) != v.ok {
			t.Errorf("%d.%d.%d: %v", v.major, v.minor, v.patch, err)
		}
	}
	if err := CheckVersion(); err != nil {
		t.Errorf("libzmq %s: %v", Version(), err)
	}
}
