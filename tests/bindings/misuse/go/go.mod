module misuse

go 1.19

require torchferry v0.0.0

replace torchferry => ../../../../cpp/bindings/go
