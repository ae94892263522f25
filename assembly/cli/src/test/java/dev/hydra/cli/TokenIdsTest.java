package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.cli.common.UsageException;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class TokenIdsTest {
  @Test
  void readsRows() throws IOException {
    assertThat(TokenIds.row("--tokens", " [72, 105] ")).containsExactly(72, 105);
    assertThat(TokenIds.row("--tokens", "[]")).isEmpty();
    assertThat(TokenIds.rows("f", "[[1],[],[2,3]]")).isDeepEqualTo(new int[][] {{1}, {}, {2, 3}});
  }

  @Test
  void namesTheTextTheFormAndThePlace() {
    assertThatThrownBy(() -> TokenIds.rows("tokens.json", "[[1],[2,true]]"))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "tokens.json must be an array of arrays of token ids, such as [[72,105],[33,10]]:"
                + " [1][1] is true, not a whole number");
    assertThatThrownBy(() -> TokenIds.rows("tokens.json", "[[1],2]"))
        .hasMessageContaining(": [1] is no");
    assertThatThrownBy(() -> TokenIds.row("--tokens", "null")).hasMessageContaining(": it is no");
  }
}
