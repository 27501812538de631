"""The samplers and schedules that tools offer; what of them is not in our tables is refused.

By the names that the tools themselves use, in A1111 and Forge: `modules/sd_samplers_kdiffusion.py`,
`sd_samplers_timesteps.py`, `sd_schedulers.py`; ComfyUI: `comfy/samplers.py`; Fooocus: `modules/flags.py`; InvokeAI:
`schedulers.py`; SD.Next: `modules/sd_samplers_diffusers.py`. Some lists were taken from copies of these and from what other
programs say of a tool (SwarmUI, NovelAI, AI Horde, Draw Things, Easy Diffusion, stable-diffusion.cpp), so a newest name can
be missing.
"""

from __future__ import annotations

from collections.abc import Mapping

A1111 = (
    "DPM++ 2M, DPM++ SDE, DPM++ 2M SDE, DPM++ 2M SDE Heun, DPM++ 2S a, DPM++ 3M SDE, Euler a, Euler, LMS, Heun, DPM2, DPM2 a, "
    "DPM fast, DPM adaptive, Restart, DDIM, DDIM CFG++, PLMS, UniPC, LCM"
)
A1111_SCHEDULES = (
    "Automatic, Uniform, Karras, Exponential, Polyexponential, SGM Uniform, KL Optimal, Align Your Steps, Simple, Normal, "
    "DDIM, Beta"
)
COMFYUI = (
    "euler, euler_cfg_pp, euler_ancestral, euler_ancestral_cfg_pp, heun, heunpp2, exp_heun_2_x0, exp_heun_2_x0_sde, dpm_2, "
    "dpm_2_ancestral, lms, dpm_fast, dpm_adaptive, dpmpp_2s_ancestral, dpmpp_2s_ancestral_cfg_pp, dpmpp_sde, dpmpp_sde_gpu, "
    "dpmpp_2m, dpmpp_2m_cfg_pp, dpmpp_2m_sde, dpmpp_2m_sde_gpu, dpmpp_2m_sde_heun, dpmpp_2m_sde_heun_gpu, dpmpp_3m_sde, "
    "dpmpp_3m_sde_gpu, ddpm, lcm, ipndm, ipndm_v, deis, res_multistep, res_multistep_cfg_pp, res_multistep_ancestral, "
    "res_multistep_ancestral_cfg_pp, gradient_estimation, gradient_estimation_cfg_pp, er_sde, seeds_2, seeds_3, sa_solver, "
    "sa_solver_pece, ddim, uni_pc, uni_pc_bh2"
)
COMFYUI_SCHEDULES = "simple, sgm_uniform, karras, exponential, ddim_uniform, beta, normal, linear_quadratic, kl_optimal"

OFFERED: Mapping[str, tuple[str, str]] = {
    "a1111": (A1111, A1111_SCHEDULES),
    "forge": (f"{A1111}, DDPM, HeunPP2, IPNDM, IPNDM_V, DEIS, TCD, Euler CFG++", f"{A1111_SCHEDULES}, Turbo"),
    "comfyui": (COMFYUI, COMFYUI_SCHEDULES),
    "swarmui": (COMFYUI, f"{COMFYUI_SCHEDULES}, turbo, align_your_steps, ltxv, ltxv-image"),
    "fooocus": (
        "euler, euler_ancestral, heun, heunpp2, dpm_2, dpm_2_ancestral, lms, dpm_fast, dpm_adaptive, dpmpp_2s_ancestral, "
        "dpmpp_sde, dpmpp_sde_gpu, dpmpp_2m, dpmpp_2m_sde, dpmpp_2m_sde_gpu, dpmpp_3m_sde, dpmpp_3m_sde_gpu, ddpm, lcm, tcd, "
        "ddim, uni_pc, uni_pc_bh2",
        "normal, karras, exponential, sgm_uniform, simple, ddim_uniform, turbo, align_your_steps, edm_playground_v2.5",
    ),
    "invokeai": (
        "ddim, ddpm, deis, deis_k, lms, lms_k, pndm, heun, heun_k, euler, euler_k, euler_a, kdpm_2, kdpm_2_k, kdpm_2_a, "
        "kdpm_2_a_k, dpmpp_2s, dpmpp_2s_k, dpmpp_2m, dpmpp_2m_k, dpmpp_2m_sde, dpmpp_2m_sde_k, dpmpp_3m, dpmpp_3m_k, "
        "dpmpp_sde, dpmpp_sde_k, unipc, unipc_k, lcm, tcd",
        "",
    ),
    "sdnext": (
        "UniPC, DDIM, Euler, Euler a, Euler SGM, Euler EDM, Euler FlowMatch, DPM++, DPM++ 1S, DPM++ 2M, DPM++ 3M, "
        "DPM++ 2M SDE, DPM++ 2M EDM, DPM++ Cosine, DPM SDE, DPM2 FlowMatch, DPM2a FlowMatch, DPM2++ 2M FlowMatch, "
        "DPM2++ 2S FlowMatch, DPM2++ SDE FlowMatch, DPM2++ 2M SDE FlowMatch, DPM2++ 3M SDE FlowMatch, Heun, Heun FlowMatch, "
        "DEIS, SA Solver, DC Solver, VDM Solver, PNDM, IPNDM, DDPM, LMSD, KDPM2, KDPM2 a, CMSI, LCM, TCD",
        "default, karras, beta, exponential, lambdas, leading, trailing, linspace, betas, flowmatch",
    ),
    "novelai": (
        "k_euler, k_euler_ancestral, k_dpmpp_2s_ancestral, k_dpmpp_2m_sde, k_dpmpp_2m, k_dpmpp_sde, ddim_v3, k_dpm_2, "
        "k_dpm_2_ancestral, k_lms, k_dpm_fast, k_dpm_adaptive, nai_smea, nai_smea_dyn, plms, ddim",
        "native, karras, exponential, polyexponential",
    ),
    "drawthings": (
        "DPM++ 2M Karras, Euler Ancestral, DDIM, PLMS, DPM++ SDE Karras, UniPC, LCM, Euler A Substep, DPM++ SDE Substep, TCD, "
        "Euler A Trailing, DPM++ SDE Trailing, DPM++ 2M AYS, Euler A AYS, DPM++ SDE AYS, DPM++ 2M Trailing, DDIM Trailing, "
        "UniPC Trailing, UniPC AYS, TCD Trailing",
        "",
    ),
    "easydiffusion": (
        "plms, ddim, heun, euler, euler_a, dpm2, dpm2_a, lms, dpm_solver_stability, dpmpp_2s_a, dpmpp_2m, dpmpp_2m_sde, "
        "dpmpp_sde, dpm_fast, dpm_adaptive, ddpm, deis, unipc_snr, unipc_tu, unipc_snr_2, unipc_tu_2, unipc_tq",
        "",
    ),
    "aihorde": (
        "k_lms, k_heun, k_euler, k_euler_a, k_dpm_2, k_dpm_2_a, k_dpm_fast, k_dpm_adaptive, k_dpmpp_2s_a, k_dpmpp_2m, "
        "dpmsolver, k_dpmpp_sde, lcm, DDIM",
        "",
    ),
    "sd.cpp": (
        "euler, euler_a, heun, dpm2, dpm++2s_a, dpm++2m, dpm++2mv2, ipndm, ipndm_v, lcm, ddim_trailing, tcd, res_multistep, "
        "res_2s, er_sde",
        "discrete, karras, exponential, ays, gits, smoothstep, sgm_uniform, simple, kl_optimal, bong_tangent",
    ),
}
"""{tool: (samplers, schedules)}, each divided by a comma and a blank"""


def listed(text: str) -> list[str]:
    return text.split(", ") if text else []
