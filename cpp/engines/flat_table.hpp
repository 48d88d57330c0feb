// FlatBuffers read by a schema, every offset held to the bytes. engines/flat_table.py is the twin and says what a schema is.
//
// Binary format: flatbuffers.dev/internals.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ferry::engines {

struct FlatField;

// A number, text, list, table or union, by what the schema says. Absent numbers are 0; what may be absent is then not `present`.
struct Flat {
  bool present = false;
  std::uint64_t number = 0;           // signed numbers extended to 64 bits
  std::string_view bytes;             // a string or a vector of u8
  std::vector<std::int64_t> numbers;  // a vector of other numbers
  std::vector<Flat> items;            // a vector of tables; of a union the one table
  std::string_view kind;              // of a union
  std::vector<FlatField> fields;      // of a table

  // A field of a table, which the schema must name.
  [[nodiscard]] const Flat& at(std::string_view name) const;
  [[nodiscard]] std::int64_t integer() const { return static_cast<std::int64_t>(number); }
};

struct FlatField {
  std::string_view name;
  Flat value;
};

// The fields of each table, name and type, in order.
class FlatSchema {
 public:
  explicit FlatSchema(std::string_view text);
  using Fields = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] const Fields& fields(std::string_view kind) const { return tables_.find(kind)->second; }

 private:
  std::map<std::string, Fields, std::less<>> tables_;
};

// The root table; its texts point into `data` and `schema`. Throws Refusal of FERRY_FORMAT where an offset or size leads outside.
Flat read_flat(std::string_view data, const FlatSchema& schema, std::string_view kind);

}  // namespace ferry::engines
