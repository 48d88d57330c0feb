module torchferry

go 1.19
