package dev.hydra.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a description asks for and there is not is refused by name, and nothing is left behind. */
class ConfigFaultsTest extends PublishedFolderTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "llama | \"rope_type\": \"default\" | \"rope_type\": \"dynamic\", \"factor\": 2 |"
            + " rope_parameters.rope_type: = dynamic is not supported",
        "llama | \"hidden_act\": \"silu\" | \"hidden_act\": \"gelu_new\" |"
            + " hidden_act: = gelu_new is not",
        "mamba | \"hidden_act\": \"silu\" | \"hidden_act\": \"gelu\" | hidden_act: = gelu is not",
        "llama | \"model_type\": \"llama\" | \"model_type\": \"lama\" | model_type: = lama is not",
        "llama | \"hidden_size\": 64 | \"hidden_size\": \"64\" | hidden_size: must be a whole",
        "llama | \"hidden_size\": 64, | `` | hidden_size: is missing",
        "llama | \"num_key_value_heads\": 2 | \"num_key_value_heads\": 3 | must divide",
        "llama | \"pretraining_tp\": 1 | \"quantization_config\": {} | quantization_config",
        "llama | \"rope_theta\": 10000.0 | \"partial_rotary_factor\": 0.5 | whole heads rotate",
        "llama | \"vocab_size\": 256 | \"vocab_size\": 256, } , | config.json is not JSON: ",
        "mixtral | \"use_cache\": true | \"attention_bias\": true | attention_bias: = true",
        "jamba | \"use_cache\": true | \"sliding_window\": 16 | sliding_window: = 16 is not",
        "jamba | \"attn_layer_offset\": 1 | \"attn_layer_offset\": 2 | attn_layer_offset: = 2",
        "bamba | 3\\n  ], | 4\\n  ], | attn_layer_indices",
        "bamba | \"mamba_n_heads\": 8 | \"mamba_n_heads\": 7 | mamba_n_heads: = 7 heads",
        "falcon_h1 | \"key_multiplier\": 1.0 | \"key_multiplier\": -1.0 | mixer.scale",
        "granitemoehybrid | \"full_attention\",\\n | \"sparse\",\\n | layer_types: = sparse is not",
        "granitemoehybrid | \"logits_scaling\": 1.0 | \"logits_scaling\": 0 |"
            + " logits_scaling: = 0.0 is not supported",
        "granitemoehybrid | \"num_local_experts\": 4 | \"num_local_experts\": null |"
            + " num_local_experts: must be a whole number, 0 for none",
        "granitemoehybrid | \"rms_norm_eps\": 1e-06 | \"rms_norm_eps\": 0 |"
            + " rms_norm_eps: = 0.0 must be above 0",
        "mamba | \"layer_norm_epsilon\": 1e-05 | \"layer_norm_epsilon\": -1 |"
            + " layer_norm_epsilon: = -1.0 must be above 0",
        "granitemoehybrid | \"shared_intermediate_size\": 64 | \"shared_intermediate_size\": 0 |"
            + " shared_intermediate_size: = 0 is not supported",
        "llama | \"rope_theta\": 10000.0 | \"rope_theta\": Infinity |"
            + " rope_parameters.rope_theta: must be a finite number",
        "llama | \"rope_theta\": 10000.0 | \"full_attention\": { \"rope_theta\": 10000.0 } |"
            + " rope_parameters.full_attention: is not supported",
        "mixtral | \"num_experts_per_tok\": 2 | \"num_experts_per_tok\": 5 |"
            + " num_experts_per_tok: = 5 is more than the 4 experts",
        "jamba | \"num_experts_per_tok\": 2 | \"num_experts_per_tok\": 0 |"
            + " num_experts_per_tok: = 0 must be at least 1",
        "granitemoehybrid | \"num_experts_per_tok\": 2 | \"num_experts_per_tok\": 7 |"
            + " num_experts_per_tok: = 7 is more than the 4 experts",
        "mamba2 | \"n_groups\": 1 | \"n_groups\": 3 | n_groups: = 3 must divide the 8 heads",
        "falcon_h1 | \"mamba_n_groups\": 1 | \"mamba_n_groups\": 3 |"
            + " mamba_n_groups: = 3 must divide the 8 heads",
        "llama | \"num_hidden_layers\": 2 | \"num_hidden_layers\": 0 |"
            + " num_hidden_layers: = 0 must be at least 1",
        "llama | \"head_dim\": 16 | \"head_dim\": 15 | head_dim: makes heads of 15, of which 15",
        "llama | \"num_hidden_layers\": 2 | \"num_hidden_layers\": 1000000 |"
            + " num_hidden_layers: = 1000000 is refused; at most 10000",
        "llama | \"model_type\": \"llama\" | \"model_type\": ${HOME} | config.json is not JSON: ",
        "llama | \"vocab_size\": 256 | include file(\"/etc/passwd\") | config.json is not JSON: ",
        "llama | \"vocab_size\": 256 | vocab_size = 256 | config.json is not JSON: ",
        "llama | \"vocab_size\": 256 | # fewer\\n\"vocab_size\": 256 | config.json is not JSON: ",
        "mamba2 | 0.0,\\n | Infinity,\\n | time_step_limit: must be a smallest",
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
  void headsWithoutASizeDivideTheWidth() throws IOException {
    copy(Golden.of("llama"));
    edit("config.json", "\"head_dim\": 16", "\"head_dim\": null");
    edit("config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 5");
    contains(
        refused(ConfigException.class),
        "num_attention_heads: = 5 must divide hidden_size = 64",
        "config.json");
  }

  @Test
  void whatIsNoJsonIsRefused() throws IOException {
    copy(Golden.of("llama"));
    Path config = published.resolve("config.json");
    String text = Files.readString(config);
    for (String wrong : List.of("", " ", "null", "[]", "3", "{", "hello", text + "{}")) {
      Files.writeString(config, wrong);
      contains(refused(ConfigException.class), "config.json is ", "; mend it, or fetch it again");
    }
    Files.write(config, new byte[] {'{', (byte) 0xff, '}'});
    contains(refused(ConfigException.class), "config.json cannot be read as text in UTF-8");
  }

  @Test
  void infinitiesInTextsStayTexts() throws IOException {
    copy(Golden.of("llama"));
    edit("config.json", "\"use_cache\": true", "\"use_cache\": true, \"\\\"NaN\": \"Infinity\"");
    contains(importIt().get(0), "\"NaN: is not known here");
  }

  @Test
  void unknownKeysAreNamed() throws IOException {
    copy(Golden.of("llama"));
    edit("config.json", "\"use_cache\": true", "\"use_magic\": true, \"rope_scale\": null");
    List<String> warnings = importIt();
    assertEquals(1, warnings.size(), warnings.toString());
    contains(warnings.get(0), "config.json: 30: use_magic: is not known here");
  }

  /** What transformers ignores does not stand in the way. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mamba2 | \"use_cache\": true | \"norm_before_gate\": true | norm_before_gate: is ignored",
        "mamba2 | \"use_cache\": true | \"norm_before_gate\": false |",
        "bamba | \"use_cache\": true | \"attn_rotary_emb\": 16 | attn_rotary_emb: = 16 is ignored",
        "bamba | \"use_cache\": true | \"attn_rotary_emb\": 8 |",
        "llama | \"use_cache\": true | \"rope_scaling\": { \"type\": \"linear\", \"factor\": 2 } |"
            + " rope_parameters: is ignored",
        "llama | \"use_cache\": true | \"rope_scaling\": null |",
      })
  void ignoredKeysAreNamed(String family, String from, String to, @Nullable String warning)
      throws IOException {
    copy(Golden.of(family));
    edit("config.json", from, to);
    List<String> warnings = importIt();
    assertEquals(warning == null ? 0 : 1, warnings.size(), warnings.toString());
    if (warning != null) {
      contains(warnings.get(0), warning, "config.json");
    }
  }

  /** The share of rotating dimensions that was read decides, not a half. */
  @Test
  void rotaryWidthFollowsTheShare() throws IOException {
    copy(Golden.of("bamba"));
    edit("config.json", "\"partial_rotary_factor\": 0.5", "\"partial_rotary_factor\": 0.25");
    edit("config.json", "\"use_cache\": true", "\"attn_rotary_emb\": 4");
    assertEquals(List.of(), importIt());
  }

  /** In Mamba the inner channels may be given; they need be no multiple of the width. */
  @Test
  void innerChannelsMayBeGiven() throws IOException {
    copy(Golden.of("mamba"));
    edit("config.json", "\"intermediate_size\": 128", "\"intermediate_size\": 160");
    PublishedModel model = PublishedModel.read(published.resolve("config.json"));
    model.check(Golden.COMPONENTS);
    contains(model.text(), "inner = 160");
    contains(refused(IOException.class), "mixer.in_proj.weight [256, 64] for [320, 64]");
  }
}
