package dev.hydra.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.ConfigException;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is wrong is refused by name, and nothing is left behind. */
class FaultsTest {
  @TempDir Path folder;
  private Path published;
  private Path out;

  @BeforeEach
  void folders() {
    published = folder.resolve("published");
    out = folder.resolve("out");
  }

  private void copy(Golden golden) throws IOException {
    Files.createDirectory(published);
    try (Stream<Path> files = Files.list(golden.folder())) {
      for (Path file : files.toList()) {
        Files.copy(file, published.resolve(file.getFileName()));
      }
    }
  }

  private void edit(String file, String from, String to) throws IOException {
    Path path = published.resolve(file);
    String text = Files.readString(path);
    assertTrue(text.contains(from), text);
    Files.writeString(path, text.replace(from, to));
  }

  /** Changes the tensors of model.safetensors. */
  private void editTensors(Consumer<Map<String, Tensor>> change) throws IOException {
    Path file = published.resolve(Shards.FILE);
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      try (SafetensorsFile open = SafetensorsFile.open(file)) {
        for (var info : open.tensors()) {
          tensors.put(info.name(), open.read(info.name()));
        }
      }
      change.accept(tensors);
      SafetensorsWriter.write(file, tensors, Map.of());
    }
  }

  private List<String> importIt() throws IOException {
    return HuggingFace.importModel(published, out, Golden.COMPONENTS, Progress.NONE);
  }

  private String refused(Class<? extends Exception> kind) throws IOException {
    String message = String.valueOf(assertThrows(kind, this::importIt).getMessage());
    assertFalse(Files.exists(out));
    try (Stream<Path> left = Files.list(folder)) {
      assertTrue(left.noneMatch(path -> path.getFileName().toString().startsWith(".")));
    }
    return message;
  }

  private static void contains(String message, String... parts) {
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "llama | \"rope_type\": \"default\" | \"rope_type\": \"dynamic\", \"factor\": 2 |"
            + " rope_parameters.rope_type: = dynamic is not supported",
        "llama | \"hidden_act\": \"silu\" | \"hidden_act\": \"gelu\" | hidden_act: = gelu is not",
        "llama | \"model_type\": \"llama\" | \"model_type\": \"lama\" | model_type: = lama is not",
        "llama | \"hidden_size\": 64 | \"hidden_size\": \"64\" | hidden_size: must be a whole",
        "llama | \"hidden_size\": 64, | `` | hidden_size: is missing",
        "llama | \"num_key_value_heads\": 2 | \"num_key_value_heads\": 3 | must divide",
        "llama | \"pretraining_tp\": 1 | \"quantization_config\": {} | quantization_config",
        "llama | \"rope_theta\": 10000.0 | \"partial_rotary_factor\": 0.5 | whole heads rotate",
        "llama | \"vocab_size\": 256 | \"vocab_size\": 256, } , | config.json: ",
        "mixtral | \"use_cache\": true | \"attention_bias\": true | attention_bias: = true",
        "jamba | \"use_cache\": true | \"sliding_window\": 16 | sliding_window: = 16 is not",
        "jamba | \"attn_layer_offset\": 1 | \"attn_layer_offset\": 2 | attn_layer_offset: = 2",
        "bamba | 3\\n  ], | 4\\n  ], | attn_layer_indices",
        "bamba | \"mamba_n_heads\": 8 | \"mamba_n_heads\": 7 | mamba_n_heads: = 7 heads",
        "falcon_h1 | \"key_multiplier\": 1.0 | \"key_multiplier\": -1.0 | mixer.scale",
        "granitemoehybrid | \"full_attention\",\\n | \"sparse\",\\n | layer_types: = sparse is not",
        "mamba2 | \"num_heads\": 8 | \"num_heads\": 9 | num_heads: = 9 heads",
        "mamba2 | \"Infinity\" | \"Endless\" | time_step_limit: must be a number"
      })
  void configurations(String family, String from, String to, String expected) throws IOException {
    copy(Golden.of(family));
    edit("config.json", from.replace("\\n", "\n"), to.replace("\\n", "\n"));
    contains(refused(ConfigException.class), expected, "config.json");
  }

  @Test
  void bareInfinityAndHarmlessKeysAreRead() throws IOException {
    copy(Golden.of("mamba2"));
    edit("config.json", "{\n      \"__float__\": \"Infinity\"\n    }", "Infinity");
    edit("config.json", "\"use_cache\": true", "\"use_cache\": false, \"top_k\": 50");
    assertEquals(List.of(), importIt());
  }

  @Test
  void unknownKeysAreNamed() throws IOException {
    copy(Golden.of("llama"));
    edit("config.json", "\"use_cache\": true", "\"use_magic\": true, \"rope_scale\": null");
    List<String> warnings = importIt();
    assertEquals(1, warnings.size(), warnings.toString());
    contains(warnings.get(0), "config.json: 30: use_magic: is not known here");
  }

  @Test
  void tensors() throws IOException {
    copy(Golden.of("llama"));
    String mlp = "model.layers.0.mlp.";
    editTensors(
        tensors -> {
          Tensor up = tensors.remove(mlp + "up_proj.weight");
          tensors.put(mlp + "down_proj.weight", up);
          tensors.put(mlp + "gate_proj.weight", up.to(ScalarType.Long));
          tensors.put("extra", up);
        });
    contains(
        refused(IOException.class),
        "missing: " + mlp + "up_proj.weight",
        "of another shape: " + mlp + "down_proj.weight [128, 64] for [64, 128]",
        "of another type than F32, BF16, F16 and F64: " + mlp + "gate_proj.weight I64",
        "not in the model: extra");
  }

  @Test
  void longListsAreCut() throws IOException {
    copy(Golden.of("mixtral"));
    editTensors(tensors -> tensors.keySet().removeIf(name -> name.contains("experts")));
    contains(refused(IOException.class), "experts.3.w3.weight and 16 more");
  }

  @Test
  void expertsOfDifferentTypes() throws IOException {
    copy(Golden.of("jamba"));
    String expert = "model.layers.1.feed_forward.experts.2.up_proj.weight";
    editTensors(tensors -> tensors.compute(expert, (n, t) -> t.to(ScalarType.BFloat16)));
    contains(refused(IOException.class), "of different types, but kept together", "experts.0");
  }

  @Test
  void tiedHeadsMustBeEqual() throws IOException {
    copy(Golden.of("mamba"));
    String table = "backbone.embeddings.weight";
    editTensors(tensors -> tensors.put("lm_head.weight", tensors.get(table).clone()));
    importIt();
    out = folder.resolve("again");
    editTensors(tensors -> tensors.put("lm_head.weight", torch.zeros_like(tensors.get(table))));
    contains(refused(IOException.class), "lm_head.weight differs from " + table);
  }

  @Test
  void damagedFiles() throws IOException {
    copy(Golden.of("llama"));
    byte[] bytes = Files.readAllBytes(published.resolve(Shards.FILE));
    Files.write(published.resolve(Shards.FILE), java.util.Arrays.copyOf(bytes, bytes.length - 9));
    contains(refused(IOException.class), "model.safetensors", "but the file has only");
    Files.delete(published.resolve(Shards.FILE));
    contains(refused(IOException.class), "neither model.safetensors nor");
  }

  @Test
  void indices() throws IOException {
    copy(Golden.variant("granite-experts"));
    String second = "model-00002-of-00002.safetensors";
    String index = Files.readString(published.resolve(Shards.INDEX));
    String norm = "\"model.norm.weight\": \"";
    int at = index.indexOf(norm) + norm.length();
    String file = index.substring(at, index.indexOf('"', at));

    edit(Shards.INDEX, norm + file, "\"model.norm.wait\": \"" + file);
    contains(
        refused(IOException.class),
        "not in the file that the index names: model.norm.wait",
        "not in the index: model.norm.weight");
    edit(Shards.INDEX, "model.norm.wait\": \"" + file, "model.norm.wait\": \"../" + file);
    contains(refused(IOException.class), "is no name of a file beside it");
    Files.writeString(published.resolve(Shards.INDEX), index);
    Files.move(published.resolve(second), folder.resolve("moved"));
    assertTrue(
        String.valueOf(assertThrows(IOException.class, this::importIt).getMessage())
            .contains("names " + second + ", but that file is missing"));
    Files.move(folder.resolve("moved"), published.resolve(second));
    Files.copy(
        published.resolve(second),
        published.resolve("model-00001-of-00002.safetensors"),
        java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    contains(refused(IOException.class), "is in model-00001-of-00002.safetensors and in " + second);
  }

  @Test
  void foldersThatAreInUse() throws IOException {
    copy(Golden.of("llama"));
    Files.createDirectory(out);
    Files.writeString(out.resolve("mine"), "text");
    contains(
        String.valueOf(assertThrows(IOException.class, this::importIt).getMessage()),
        "is not empty");
    assertEquals("text", Files.readString(out.resolve("mine")));
    Files.delete(out.resolve("mine"));
    importIt();
    contains(
        String.valueOf(
            assertThrows(
                    IOException.class,
                    () -> HuggingFace.exportModel(out, Optional.empty(), published, Progress.NONE))
                .getMessage()),
        "is not empty");
  }

  @Test
  void exportsOnlyWhatTheDescriptionSays() throws IOException {
    copy(Golden.of("llama"));
    importIt();
    Path back = folder.resolve("back");
    String config = Files.readString(out.resolve("config.conf"));
    Files.writeString(
        out.resolve("config.conf"),
        config.replace("rope-theta = 10000", "rope-theta = 20000, scale = 1"));
    contains(
        String.valueOf(
            assertThrows(
                    IOException.class,
                    () -> HuggingFace.exportModel(out, Optional.empty(), back, Progress.NONE))
                .getMessage()),
        "blocks.0.mixer: rope-theta is 20000, not 10000",
        "blocks.1.mixer: scale is 1, not its default");
    assertFalse(Files.exists(back));
    Files.writeString(out.resolve("config.conf"), config);
    Files.delete(out.resolve(HuggingFace.KEPT_CONFIG));
    contains(
        String.valueOf(
            assertThrows(
                    IOException.class,
                    () -> HuggingFace.exportModel(out, Optional.empty(), back, Progress.NONE))
                .getMessage()),
        "hf-config.json; name the config.json");
    Path kept = published.resolve("config.json");
    HuggingFace.exportModel(out, Optional.of(kept), back, Progress.NONE);
    assertEquals(Files.readString(kept), Files.readString(back.resolve("config.json")));
  }

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
