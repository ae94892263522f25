package dev.hydra.api;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NamesTest {
  private static final List<String> KNOWN = List.of("full", "mamba", "mamba2", "sparse-global");

  @ParameterizedTest
  @CsvSource({
    "mamba2, mamba2",
    "MAMBA2, mamba2",
    "mamba3, mamba",
    "ful, full",
    "fulll, full",
    "sparseglobal, sparse-global",
    "spares-global, sparse-global"
  })
  void findsTheNearest(String name, String nearest) {
    assertEquals(Optional.of(nearest), Names.nearest(name, KNOWN));
  }

  @Test
  void findsNothingWhereNothingIsNear() {
    assertEquals(Optional.empty(), Names.nearest("transformer", KNOWN));
    assertEquals(Optional.empty(), Names.nearest("full", List.of()));
  }

  @Test
  void saysWhatThereIs() {
    assertEquals(
        "unknown type \"ful\"; did you mean \"full\"? Known: full, mamba",
        Names.unknown("type", "ful", List.of("full", "mamba")));
    assertEquals(
        "unknown type \"transformer\". Known: full, mamba",
        Names.unknown("type", "transformer", List.of("full", "mamba")));
  }
}
