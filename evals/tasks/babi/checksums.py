"""SHA-256 of the released files, by folder and name, to detect an edited copy.

Only the training files of `en` are known; a file that is not here counts as released.
"""

CHECKSUMS = {
    "en": {
        "qa1_single-supporting-fact_train.txt": (
            "c64ba9b1a49bbb111ffc4cd2ae4f129d25c012399dd7ade9679eea464b9afb05"
        ),
        "qa2_two-supporting-facts_train.txt": (
            "a4978af5bc0dc30191810e7c9949aaa6eae939ed0f6beb9fcb5f4330c2a27860"
        ),
        "qa3_three-supporting-facts_train.txt": (
            "a6e78019f36a02a7ed71fe6aaded0b563ff09c8deec392931801fcd9c6af4d60"
        ),
        "qa4_two-arg-relations_train.txt": (
            "c9370502d85fa382f32d1fea2111e817f81ae9e3e79eb2924a1a5392a90417fa"
        ),
        "qa5_three-arg-relations_train.txt": (
            "086cd59c3ca9677bfac3d6a22ca5853c76a5c1fbae3159c7c4a6aef759a74ec0"
        ),
        "qa6_yes-no-questions_train.txt": (
            "5a133115ee35d475776df703ff605d145b11effbcdbf7e74861f9d5639246a5a"
        ),
        "qa7_counting_train.txt": (
            "dca03bd91876951c49f1c971c83c9dd55404de60201b7b6435451cf7ddb4751c"
        ),
        "qa8_lists-sets_train.txt": (
            "058604df6f9440458317e8ae685d2b7b84261e1a80b4d6410a9140d16f81bf06"
        ),
        "qa9_simple-negation_train.txt": (
            "0c3b89921af0caea1c4059ee3f7b7f2a88869f924195a428da37820446b8c49f"
        ),
        "qa10_indefinite-knowledge_train.txt": (
            "0b7691689447bab05476c5b48c44999b41e747c3978df69c18fdd87b60d6e8b3"
        ),
        "qa11_basic-coreference_train.txt": (
            "9468de9a1f256f43dfda693a5d07182d21149a82b65f7c2451c64e9cff5eb138"
        ),
        "qa12_conjunction_train.txt": (
            "45c2764bb2d3c8f699d35e9d9aa7958fcd96379c6e907116cdf74526c108bb25"
        ),
        "qa13_compound-coreference_train.txt": (
            "533a391edbda743e4c99504de88b40cdded5b1d5ef454d1390f0863f748a4cc9"
        ),
        "qa14_time-reasoning_train.txt": (
            "b7561cbc624205c9c2fdbb8c843cfa8ad90edd65e78bb223fc6dea8113662df8"
        ),
        "qa15_basic-deduction_train.txt": (
            "e856ebfdcce4dd7d617c1d10f985e96a0850c0ca18e9a19a017cb710d135ed3d"
        ),
        "qa16_basic-induction_train.txt": (
            "20121005137e3d4b061a086eb177a456303d5742b764eb8da2d0e480b6af4d28"
        ),
        "qa17_positional-reasoning_train.txt": (
            "20083bf56ff74f0e7cf5e3e2f8c3905cdb8ef09293c3e8cf7a96ed8b45ae2277"
        ),
        "qa18_size-reasoning_train.txt": (
            "18b7dcf52c9a0e87e4e7dd3d65b7e5a630de039645f52a1294197af7481d739d"
        ),
        "qa19_path-finding_train.txt": (
            "dcb788352a56effb7bea1449128f31cc9c342c8c327b6df2caeee0e379e6ad3a"
        ),
        "qa20_agents-motivations_train.txt": (
            "29580ad55fb7b4b29ba014696056cc68f8f347dac3be88470fd692ad60150398"
        ),
    }
}
