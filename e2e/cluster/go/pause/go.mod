module secureftp.dev/cluster/pause

go 1.26.0
