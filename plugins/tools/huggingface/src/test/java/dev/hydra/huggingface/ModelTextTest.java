package dev.hydra.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Imported models read as if a person had written them. */
class ModelTextTest {
  /** Layers that repeat are written as a pattern, not one by one. */
  @Test
  void configurationsReadWell() {
    String expected =
        """
        # From config.json.
        model {
          vocab-size = 48, width = 32, depth = 7
          tie-embeddings = true, norm-epsilon = 1e-5, padding-token = 0
          block {
            topology = sequential
            paths = [
              {
                name = mamba, at = "::3,1::3"
                mixer {
                  type = mamba, state = 5, expand = 2, dt-rank = 2, conv-kernel = 4, bias = true
                  bcdt-norm = true, norm-epsilon = 1e-5
                }
              }
              {
                name = attention, at = "2,5"
                mixer { type = full, heads = 4, kv-heads = 2, head-dim = 8, rope-dim = 0 }
              }
              { ffn { type = swiglu, hidden = 40 }, name = mlp, at = "1::2" }
              {
                name = moe, at = "::2"
                ffn {
                  type = moe, experts = 3, hidden = 40
                  router { type = topk, top-k = 1, normalize = false, balance-loss = 0, z-loss = 0 }
                }
              }
            ]
          }
        }
        generation { padding-token = 0 }
        """;
    assertEquals(expected, Golden.variant("jamba-periods").published().text());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0,1,2,3 | 4 | all",
        "3 | 4 | 3",
        "4,12,20,28 | 32 | 4::8",
        "9,18,27 | 32 | 9,18,27",
        "0,1,2,4,5,6 | 8 | 0:3,4:7",
        "0,1,2,4,5,6,8,9,10,12,13,14 | 16 | ::4,1::4,2::4"
      })
  void slices(String layers, int depth, String expected) {
    List<Integer> chosen = Stream.of(layers.split(",")).map(Integer::valueOf).toList();
    assertEquals(expected, LayerSlices.of(chosen, depth).orElse("all"));
  }
}
