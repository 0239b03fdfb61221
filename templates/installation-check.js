var limactl = "{{ limactl }}";
var instance = "{{ instance }}";
