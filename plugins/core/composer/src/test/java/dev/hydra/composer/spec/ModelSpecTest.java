package dev.hydra.composer.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Texts;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelSpecTest {
  private static ModelSpec read(String hocon) {
    return ModelSpec.read(Texts.config(hocon));
  }

  private static List<String> names(BlockSpec block) {
    return block.paths().stream().map(PathSpec::name).toList();
  }

  @Test
  void thePaddingTokenIsInTheVocabulary() {
    String model =
        "model { vocab-size = 9, padding-token = %d, width = 2, depth = 1,"
            + " block { paths = [ { ffn = gelu } ] } }";
    assertEquals(Optional.of(8), read(model.formatted(8)).paddingToken());
    ConfigException thrown = assertThrows(ConfigException.class, () -> read(model.formatted(9)));
    assertThat(thrown.getMessage()).endsWith("model.padding-token: must be below vocab-size = 9");
  }

  @Test
  void readsABlockAndItsDepth() {
    ModelSpec spec =
        read(
            """
            model {
              vocab-size = 50, width = 8, depth = 4, norm = layernorm, norm-epsilon = 1e-6
              tie-embeddings = false
              block {
                topology = parallel
                paths = [
                  { mixer { type = mamba2, state = 16 }, gate = 0.9 }
                  { ffn = swiglu, gate = none, at = "1::2" }
                  { memory { type = pkm }, gate = learned, at = -1 }
                ]
              }
            }
            """);
    assertEquals(50, spec.vocabSize());
    assertEquals(8, spec.width());
    assertEquals(NormKind.LAYERNORM, spec.norm());
    assertEquals(1e-6, spec.normEpsilon());
    assertEquals(false, spec.tieEmbeddings());
    assertEquals(
        List.of(
            List.of("mixer"),
            List.of("mixer", "ffn"),
            List.of("mixer"),
            List.of("mixer", "ffn", "memory")),
        spec.blocks().stream().map(ModelSpecTest::names).toList());
    List<PathSpec> paths = spec.blocks().get(3).paths();
    assertEquals(
        List.of(Role.MIXER, Role.FEED_FORWARD, Role.MEMORY),
        paths.stream().map(PathSpec::role).toList());
    assertEquals(
        List.of(new GateSpec.Scalar(0.9), new GateSpec.None(), new GateSpec.Learned(0)),
        paths.stream().map(PathSpec::gate).toList());
    assertEquals(16, paths.get(0).config().getInt("state"));
    assertEquals("model.block.paths[0].mixer", paths.get(0).configPath());
    assertEquals("swiglu", paths.get(1).config().getString("type"));
  }

  @Test
  void aLearnedGateMayCost() {
    String model = "model { width = 8, depth = 1, block.paths = [ { ffn = gelu, %s } ] }";
    Config costly = Texts.config(model.formatted("gate = learned, gate-cost = 0.25"));
    ModelSpec spec = ModelSpec.read(costly);
    ModelSpec written = ModelSpec.read(SpecConfig.write(spec, costly));
    for (ModelSpec each : List.of(spec, written)) {
      assertEquals(new GateSpec.Learned(0.25), each.blocks().get(0).paths().get(0).gate());
    }
    ConfigException thrown =
        assertThrows(
            ConfigException.class, () -> read(model.formatted("gate = 1.0, gate-cost = 0.25")));
    assertThat(thrown.getMessage())
        .endsWith("gate-cost: is for a gate per token only; set gate = learned, or leave it out");
  }

  @Test
  void hasDefaults() {
    ModelSpec spec = read("model { width = 8, depth = 1, block { paths = [ { ffn = gelu } ] } }");
    assertEquals(256, spec.vocabSize());
    assertEquals(NormKind.RMSNORM, spec.norm());
    assertEquals(1e-5, spec.normEpsilon());
    assertEquals(true, spec.tieEmbeddings());
    assertEquals(Topology.SEQUENTIAL, spec.blocks().get(0).topology());
  }

  @ParameterizedTest
  @CsvSource({"sequential, None[]", "parallel, Scalar[initial=1.0]"})
  void gatesByTopology(String topology, String gate) {
    ModelSpec spec =
        read(
            "model { width = 8, depth = 1, block { topology = "
                + topology
                + ", paths = [ { ffn = gelu } ] } }");
    assertEquals(gate, spec.blocks().get(0).paths().get(0).gate().toString());
  }

  @Test
  void stacksBlocks() {
    ModelSpec spec =
        read(
            """
            model {
              width = 8
              stack = [
                { repeat = 2, block { paths = [ { mixer = a }, { ffn = b, at = 1 } ] } }
                { block { topology = parallel, paths = [ { mixer = c }, { ffn = d, at = 0 } ] } }
              ]
            }
            """);
    assertEquals(
        List.of(List.of("mixer"), List.of("mixer", "ffn"), List.of("mixer", "ffn")),
        spec.blocks().stream().map(ModelSpecTest::names).toList());
    assertEquals(Topology.PARALLEL, spec.blocks().get(2).topology());
    assertEquals(
        "model.stack[1].block.paths[0].mixer", spec.blocks().get(2).paths().get(0).configPath());
  }

  @Test
  void stacksSequencesOfBlocks() {
    ModelSpec spec =
        read(
            """
            model {
              width = 8
              stack = [ {
                repeat = 2
                blocks = [
                  { topology = parallel, paths = [ { mixer = a }, { mixer = b, at = 1 } ] }
                  { paths = [ { ffn = c, scale = 0.5, input-scale = 2 } ] }
                ]
              } ]
            }
            """);
    assertEquals(
        List.of(List.of("mixer"), List.of("ffn"), List.of("mixer", "mixer2"), List.of("ffn")),
        spec.blocks().stream().map(ModelSpecTest::names).toList());
    PathSpec last = spec.blocks().get(3).paths().get(0);
    assertEquals("model.stack[0].blocks[1].paths[0].ffn", last.configPath());
    assertEquals(0.5, last.scale());
    assertEquals(2, last.inputScale());
  }

  @Test
  void numbersPathsOfOneRoleAndTakesNames() {
    ModelSpec spec =
        read(
            """
            model {
              width = 8, depth = 2
              block.paths = [
                { mixer = a }, { mixer = b }, { ffn = c }, { mixer = d, at = 1 }
                { mixer = e, name = recall }
              ]
            }
            """);
    assertEquals(List.of("mixer", "mixer2", "ffn", "recall"), names(spec.blocks().get(0)));
    assertEquals(
        List.of("mixer", "mixer2", "ffn", "mixer3", "recall"), names(spec.blocks().get(1)));
  }

  /** Line 1 is the opening of the model, so that the mistake stands in line 2. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "widht = 8 | 2: model.widht: unknown key \"widht\"; did you mean \"width\"? Known: block,",
        "width = 0 | 2: model.width: must be at least 1, but is 0",
        "depth = 2, block {} | 1: model.width: is required: whole number (at least 1), the width",
        "width = 8 | 1: model: needs either block (with depth) or stack, a list of blocks",
        "width = 8, block {}, stack = [] | 1: model: needs either block (with depth) or stack",
        "width = 8, block {} | 1: model.depth: is required: the number of blocks",
        "width = 8, depth = 1, stack = [] | 2: model.depth: goes with block; with stack",
        "width = 8, depth = 1, block = 3 | 2: model.block: must be an object",
        "width = 8, depth = 1, block {} | 2: model.block.paths: is required: a list of objects",
        "width = 8, stack = [ {} ] | 2: model.stack[0]: needs either block or blocks",
        "width = 8, stack = [] | 2: model.stack: must be a list of objects, not empty",
        "width = 8, stack = 5 | 2: model.stack: must be a list of objects, not empty",
        "width = 8, stack = [ { repeat = 0, block {} } ] | 2: model.stack[0].repeat: must be at",
        "width = 8, stack = [ { times = 2 } ] | 2: model.stack[0].times: unknown key \"times\""
      })
  void refusesModels(String line, String refusal) {
    refuses("model {\n" + line + "\n}", refusal);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{ mixr = a } | [0].mixr: unknown key \"mixr\"; did you mean \"mixer\"? Known: at, ffn,",
        "{ mixer = a, ffn = b } | [0]: needs exactly one of mixer, ffn and memory",
        "{ gate = 1 } | [0]: needs exactly one of mixer, ffn and memory",
        "{ mixer = 5 } | [0].mixer: must be an object { type = ... } or the name of a type",
        "{ mixer = a, gate = wide } | [0].gate: must be a number",
        "{ mixer = a, at = 2 } | [0].at: chooses a block that is not there; there are 2, from 0",
        "{ mixer = a, at = odd } | [0].at: must choose blocks like",
        "{ mixer = a, name = 7up } | [0].name: must be a letter, then letters, digits, -, _",
        "{ mixer = a, name = norm } | [0].name: must be other than norm, ...-norm and ...-gate",
        "{ mixer = a, name = ffn-gate } | [0].name: must be other than norm, ...-norm and",
        "{ mixer = a, name = x }, { ffn = b, name = x } | [1]: a second path named x; set name",
        "{ mixer = a, name = mixer2 }, { mixer = b } | [1]: a second path named mixer2; set name"
      })
  void refusesPaths(String paths, String refusal) {
    refuses(
        "model { width = 8, depth = 2\nblock { paths = [ " + paths + " ] } }",
        "2: model.block.paths" + refusal);
  }

  @Test
  void refusesOtherTopologies() {
    refuses(
        "model { width = 8, depth = 1\n block { topology = paralel, paths = [] } }",
        "2: model.block.topology: unknown value \"paralel\"; did you mean \"parallel\"?");
  }

  @Test
  void needsAModel() {
    assertThat(Texts.refusal(() -> read("trainer {}")))
        .endsWith("model: is missing: the configuration describes no model");
    refuses("model = 5", "1: model: must be an object");
  }

  private static void refuses(String hocon, String refusal) {
    String message = Texts.refusal(() -> read(hocon));
    assertThat(message).startsWith("test.conf: " + refusal);
  }
}
